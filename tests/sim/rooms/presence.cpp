#include "tests/sim/rooms/presence.h"

#include "rooms/connection.h"
#include "rooms/limits.h"

namespace edgeroom::roomsim {

void Presence::restored(uint32_t handle, std::string_view attachment) {
  Connection connection(FrameLimit{});
  expect(decode_attachment(attachment, connection), "an attachment that cannot be read");
  users_[connection.user]++;
  by_handle_[handle] = {connection.user, connection.id};
}

void Presence::entered(uint32_t handle, std::string_view attachment) {
  restored(handle, attachment);
  changed("join", by_handle_[handle].conn);
}

void Presence::left(uint32_t handle) {
  const auto found = by_handle_.find(handle);
  if (found == by_handle_.end()) return;
  const Member gone = found->second;
  by_handle_.erase(found);
  if (--users_[gone.user] == 0) users_.erase(gone.user);
  changed("leave", gone.conn);
}

void Presence::changed(std::string_view type, const std::string& conn) {
  is_changed_ = true;
  if (by_handle_.size() <= small_max_) to_tell_.push_back({std::string(type), conn, false});
}

void Presence::event_ended() {
  if (!by_handle_.empty()) return;
  for (Change& change : to_tell_) change.may_be_dropped = true;
}

void Presence::instance_lost() {
  by_handle_.clear();
  users_.clear();
  to_tell_.clear();
}

void Presence::telling(Told& frame, double passed_ms, uint64_t generation) {
  for (const Object& object : frame.objects()) {
    const std::string_view type = object.text("type");
    if (type == "join" || type == "leave") {
      check_change(object, type);
    } else if (type == "room_count") {
      check_count(object);
      expect(generation != counted_generation_ ||
                 passed_ms - counted_passed_ms_ >= kRoomCountIntervalMs - 1,
             "room_count is told twice within a second");
      counted_generation_ = generation;
      counted_passed_ms_ = passed_ms;
      is_changed_ = false;
      is_unsure_ = false;
    } else if (type == "welcome") {
      check_count(object);
    } else if (type == "presence") {
      check_count(object);
      check_members(object);
    }
  }
}

void Presence::check_change(const Object& object, std::string_view type) {
  const auto is_it = [&](const Change& change) {
    return change.type == type && change.conn == object.text("conn");
  };
  while (!to_tell_.empty() && !is_it(to_tell_.front()) && to_tell_.front().may_be_dropped) {
    to_tell_.pop_front();
  }
  expect(
      !to_tell_.empty() && is_it(to_tell_.front()),
      "a " + std::string(type) + " that is not the next to be told: " + std::string(object.json()));
  to_tell_.pop_front();
}

void Presence::check_count(const Object& object) const {
  expect(object.number("count") == size() && object.number("users") == users(),
         "there are " + std::to_string(size()) + " connections of " + std::to_string(users()) +
             " users, and the room says " + std::string(object.json()));
}

void Presence::check_members(const Object& object) const {
  size_t members = 0;
  for (const Object& member : object.objects("members")) {
    members++;
    bool is_there = false;
    for (const auto& [unused, each] : by_handle_) {
      is_there = is_there || (each.conn == member.text("conn") && each.user == member.text("user"));
    }
    expect(is_there, "a member who is not there: " + std::string(member.json()));
  }
  expect(members == size(), "members are missing: " + std::string(object.json()));
}

std::string Presence::untold() const {
  for (const Change& change : to_tell_) {
    if (!change.may_be_dropped) return change.type + " of " + change.conn;
  }
  return {};
}

}  // namespace edgeroom::roomsim
