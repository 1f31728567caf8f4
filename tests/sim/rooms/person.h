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
  uint64_t asked_at = 0;  // so many records were stored

  // Of a frame or an operation.
  [[nodiscard]] std::string members() const;
};

// Whether the page is one: in order, as it is stored, without a hole.
void check_page(const Object& page, const PageAsk& ask, const Model& model);

struct Person {
  std::string name;
  bool is_moderator = false;
  bool is_reader = false;

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
  bool knows = false;  // the epoch and the place to come back to
  uint64_t seen = 0;
  uint64_t confirmed = 0;
  std::set<uint64_t> dead;
  std::vector<uint64_t> unknown;  // publications with an id that were not answered
  std::map<std::string, PageAsk, std::less<>> pages;  // by ref
  double limited_at_ms = -1;
  uint32_t limited = 0;  // refusals at that time

  void connected(uint32_t number);
  void disconnected();
  void hear(Told& frame, Model& model, double now_ms);

 private:
  void welcome(const Object& object, Model& model);
  void record(const Object& object, std::string_view type, Model& model);
  void confirmation(const Object& object, Model& model);
  void error(const Object& object, const Model& model, double now_ms);
  void page(const Object& object, const Model& model);
  void check_confirmed(uint64_t from, uint64_t through, const Model& model) const;
  void answered(std::string_view id, const Model& model);
};

}  // namespace edgeroom::roomsim
