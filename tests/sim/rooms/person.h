// A client: what it knows of the room, and what it may therefore be told.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/rooms/model.h"
#include "tests/sim/rooms/told.h"

namespace edgeroom::roomsim {

// A page that was asked for.
struct PageAsk {
  uint64_t after = 0;
  uint64_t before = 0;  // 0: no bound
  bool is_forwards = false;
  uint64_t limit = 50;
  uint64_t asked_at = 0;    // so many records were stored
  uint64_t generation = 0;  // the instance that was asked
  // Nothing of it may be missing: the room holds all of it, or the central API answers always.
  bool is_whole = false;

  // Of a frame or an operation.
  [[nodiscard]] std::string members() const;
};

// Whether the page is one: in order, as it is stored, without a hole.
void check_page(const Object& page, const PageAsk& ask, const Model& model);

// The `ref` of a frame that brings a message.
std::string ref_of(uint64_t publication);

struct Person {
  std::string name;
  bool is_moderator = false;
  bool is_reader = false;
  uint64_t habit = UINT64_MAX;  // what it likes to do best, if anything

  uint32_t socket = 0;   // 0: not connected
  bool is_deaf = false;  // its network is gone, and the room does not know
  bool was_welcomed = false;
  bool asked_resume = false;
  uint64_t asked_after = 0;
  std::string asked_epoch;
  // When it joined, and before which instance at the latest.
  double joined_passed_ms = 0;
  uint64_t joined_generation = 0;
  std::string conn;
  // When its token ends, by what it was told; 0: never.
  double expires_ms = 0;
  double asked_expires_ms = 0;
  // Tokens that were brought and not answered: the instance, by ref.
  std::map<std::string, uint64_t, std::less<>> renewals;
  // What came of tokens, as the room was told, and the person was not yet.
  struct Verdict {
    double expires_ms = 0;
    bool is_reader = false;
  };
  std::vector<Verdict> verdicts;
  // Publications that were sent by a member, or maybe; and of those that were sent again, last by
  // one for sure.
  std::set<uint64_t> sent_as_member;
  std::set<uint64_t> last_as_member;
  bool is_asked_back = false;  // to come over a new connection…
  uint64_t asked_back_by = 0;  // … by this instance
  double asked_back_passed_ms = 0;
  double asked_back_after_ms = 0;
  std::string epoch;   // that it was welcomed under
  bool knows = false;  // the epoch and the place to come back to
  uint64_t seen = 0;
  uint64_t confirmed = 0;
  std::set<uint64_t> dead;
  std::vector<uint64_t> unknown;  // publications with an id that were not answered
  std::map<std::string, PageAsk, std::less<>> pages;  // by ref
  // Publications sent on this connection, and not answered.
  std::set<uint64_t> awaited;
  std::set<uint64_t> awaited_events;
  uint64_t last_sent = UINT64_MAX;           // the publication, if the last frame was one
  std::map<std::string, uint64_t> sent_ids;  // by id: so many records were stored at the last time
  std::map<std::string, uint64_t> sent_after;  // the same: messages with an id
  // The room has said how long to wait: from when, and how long. Whoever did is to be heard.
  double wait_from_passed_ms = 0;
  double wait_ms = 0;  // 0: it need not
  std::set<uint64_t> to_be_heard;
  std::set<std::string, std::less<>> muted;  // for good, as heard on this connection
  uint64_t confirmed_by = 0;                 // the last message_confirmed: by which instance…
  uint64_t confirmed_through = 0;            // … and its through
  uint64_t told_count = 0;
  uint64_t told_users = 0;
  double limited_at_passed_ms = -1;
  uint32_t limited = 0;           // refusals while the room's clock showed that…
  uint64_t limited_by = 0;        // … by this instance
  double said_passed_ms = 0;      // what it hears, and the last refusal: when it was said
  double refused_passed_ms = -1;  // by the room's clock, at most
  uint64_t warnings = 0;          // refusals since it has rested
  double sent_passed_ms = 0;      // a frame, last
  bool has_sent_oversize = false;

  void connected(uint32_t number);
  void disconnected();
  // A frame is about to be sent; a message by its number.
  // `is_turn_open`: the room may have taken what is not stored.
  void sends(uint64_t publication, const Model& model, double passed_ms, bool is_turn_open);
  void hear(Told& frame, Model& model, double passed_ms);
  // A message is about to be sent, by the instance `generation` if it is awake.
  void sends_as(uint64_t publication, bool is_certain);
  [[nodiscard]] bool is_renewing(uint64_t generation) const;

 private:
  void token(const Object& object, const Model& model);
  void welcome(const Object& object, Model& model);
  void record(const Object& object, std::string_view type, Model& model);
  void confirmation(const Object& object, const Model& model, uint64_t generation);
  void acknowledged(const Object& object, const Model& model);
  void event(const Object& object, const Model& model);
  void error(const Object& object, const Model& model, double passed_ms, uint64_t generation);
  void limit(uint64_t number, const Object& object, const Model& model, double passed_ms);
  void page(const Object& object, const Model& model, uint64_t stored);
  void check_confirmed(uint64_t from, uint64_t through, const Model& model) const;
  void answered(std::string_view id, const Model& model);
};

}  // namespace edgeroom::roomsim
