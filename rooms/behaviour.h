// What makes one kind of room differ from another.
//
// A behaviour decides which messages a room takes and may keep a state of its own. It never changes
// that state while it decides: it changes it in on_record alone, from the records of the log. So
// the state is a function of the log, and is the same live, after sleep, after a trap and in a
// replay. It has no clock and no randomness but what it is given.
//
// A kind of room is one class and one function, make_behaviour, which the module is linked with;
// rooms/chat.cpp is the one that ships, examples/ has another. docs/BEHAVIOUR.md is the guide.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rooms/record.h"

namespace edgeroom {

class ByteReader;
class ByteWriter;
class SettingMap;

// Whoever joined, sent a message or an event. Valid for the call.
struct Member {
  std::string_view user;
  std::string_view conn;  // empty for a message that was published over HTTP
  bool is_moderator = false;
};

// What is to become of a message or of an event.
class Verdict {
 public:
  static Verdict accept() { return {Kind::kAccept, {}}; }
  // It is taken with another content: JSON text, at most MESSAGE_BYTES_MAX bytes.
  static Verdict rewrite(std::string content) { return {Kind::kRewrite, std::move(content)}; }
  // Its sender is told `content_refused` with this detail; nobody else hears of it, and the Reply
  // is not said.
  static Verdict refuse(std::string detail) { return {Kind::kRefuse, std::move(detail)}; }
  // Of an event, never of a message: it is dealt with, and nobody is told of it. The Reply alone
  // is said.
  static Verdict handled() { return {Kind::kHandled, {}}; }

  [[nodiscard]] bool is_refused() const { return kind_ == Kind::kRefuse; }
  [[nodiscard]] bool is_rewritten() const { return kind_ == Kind::kRewrite; }
  [[nodiscard]] bool is_handled() const { return kind_ == Kind::kHandled; }
  // The new content or the refusal's detail.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Kind : uint8_t { kAccept, kRewrite, kRefuse, kHandled };
  Verdict(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}

  Kind kind_;
  std::string text_;
};

// What a behaviour says of its own accord. Contents are JSON text. Nobody hears any of it before
// the records are stored that the call could see.
class Reply {
 public:
  // An event of the room itself, `{"type":"event","name":…,"content":…}`: to the connection that
  // the call is about, in on_join and on_event alone. In on_event it carries the `ref` of the frame
  // that asked…
  void tell(std::string_view name, std::string content);
  // … or to everybody, at the end of the turn.
  void tell_all(std::string_view name, std::string content);
  // A message of the room itself, at most MESSAGE_BYTES_MAX bytes: a record of the log, whose user
  // is the behaviour's name. It is not put before on_message. Not in on_flush. While the outbox is
  // full it is not taken, as nobody's message is.
  void publish(std::string content);

  struct Signal {
    std::string name;
    std::string content;
    bool to_all = false;
  };
  [[nodiscard]] const std::vector<Signal>& signals() const { return signals_; }
  [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }

 private:
  std::vector<Signal> signals_;
  std::vector<std::string> messages_;
};

class Behaviour {
 public:
  virtual ~Behaviour() = default;
  Behaviour() = default;
  Behaviour(const Behaviour&) = delete;
  Behaviour& operator=(const Behaviour&) = delete;

  // Names the kind of room: 1 to 32 of a-z, 0-9 and '-'. A snapshot of another kind is not read.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // --- deciding: none of these may change the state ---

  // Somebody has joined and was welcomed.
  virtual void on_join(const Member& member, double now_ms, Reply& reply) const;
  // A message that may be stored and sent to everybody. `content` is JSON text as it arrived.
  [[nodiscard]] virtual Verdict on_message(const Member& member, std::string_view content,
                                           double now_ms) const;
  // An event that may be sent to everybody; it is never kept. `content` is empty if it has none.
  [[nodiscard]] virtual Verdict on_event(const Member& member, std::string_view name,
                                         std::string_view content, double now_ms,
                                         Reply& reply) const;
  // The time deadline_ms() has come.
  virtual void on_timer(double now_ms, Reply& reply) const;
  // When on_timer is to be called (ms since 1970); infinity for never. It may come late, when the
  // room has slept, and it comes again while a deadline has passed.
  [[nodiscard]] virtual double deadline_ms() const;
  // The turn's records are stored: a chance to tell everybody, once, what they amount to. Called
  // only after a turn with records.
  virtual void on_flush(Reply& reply) const;

  // --- the state ---

  // Whether records change the state at all. If not, on_record is never called.
  [[nodiscard]] virtual bool has_state() const;
  // A record of the log, every one, in order, once: the only place where the state changes. The
  // record is valid for the call. A deletion comes as a record of its own; the message that it
  // deletes has come before, with its content. A room that was of another kind before brings its
  // records along: content that on_message has never seen, and messages that are deleted already.
  virtual void on_record(const Record& record);
  // Writes the whole state, at most kBehaviourBytesMax, so that restore() can read it. The same
  // state must give the same bytes.
  virtual void save(ByteWriter& out) const;
  // False when the bytes cannot be read.
  virtual bool restore(ByteReader& in);
};

// Made once for each room. The error names the setting that is wrong.
Result<std::unique_ptr<Behaviour>> make_behaviour(const SettingMap& settings);

}  // namespace edgeroom
