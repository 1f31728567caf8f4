// What people do in the simulated world.

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/sim/rooms/world.h"

namespace edgeroom::roomsim {

namespace {

constexpr size_t kFrameBytesMax = 1U << 20U;
constexpr uint32_t kForbidden = 403;
constexpr uint32_t kAbnormalClosure = 1006;

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

void World::act(Person& person) {
  if (person.socket == 0) {
    join(person);
  } else if (person.is_deaf) {
    // The room hears of it sooner or later.
    if (dice_.one_in(3)) leave(person);
  } else {
    speak(person);
  }
}

void World::speak(Person& person) {
  if (rules_.has_tokens && dice_.one_in(12)) {
    renew(person);
    return;
  }
  const bool is_habit = person.habit != UINT64_MAX && dice_.one_in(3);
  switch (is_habit ? person.habit : dice_.below(32)) {
    case 0: leave(person); return;
    case 1: vanish(person); return;
    case 2: flood(person); return;
    case 3:
    case 4: ask_page(person); return;
    case 5:
    case 6: remove(person); return;
    case 7: moderate(person); return;
    case 8: misbehave(person); return;
    case 9: send(person, R"({"type":"presence","ref":"p"})"); return;
    case 10:
    case 11: signal(person); return;
    case 12:
    case 13:
    case 14: publish_again(person); return;
    default: publish(person); return;
  }
}

void World::join(Person& person) {
  std::string operation = R"({"op":"connect","room":"lobby","user":)" + quoted(person.name);
  if (person.is_moderator) operation += R"(,"role":"moderator")";
  if (person.is_reader) operation += R"(,"role":"reader")";
  // In the end all tokens are good for ever.
  person.asked_expires_ms = rules_.has_tokens && !is_calm_ ? some_expiry_ms() : 0;
  if (person.asked_expires_ms > 0) {
    operation += R"(,"expires":)" + std::to_string(static_cast<uint64_t>(person.asked_expires_ms));
  }
  person.asked_resume = person.knows && !dice_.one_in(6);
  if (person.asked_resume) {
    person.asked_epoch = person.epoch;
    person.asked_after = person.seen;
    if (!is_calm_ && dice_.one_in(6)) {
      tally_.count(Fault::kLyingResume);
      if (dice_.one_in(3)) {
        person.asked_epoch = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
      } else {
        person.asked_after = dice_.below(model_.seq() + 4);
      }
    }
    operation += R"(,"epoch":)" + quoted(person.asked_epoch) +
                 ",\"after\":" + std::to_string(person.asked_after);
  }
  const uint32_t socket = next_socket_++;
  say(person.name + "#" + std::to_string(socket) + " joins: " + operation);
  person.connected(socket);
  wall_ms();
  person.joined_passed_ms = passed_ms_;
  person.joined_generation = host_.generation();
  by_socket_[socket] = static_cast<size_t>(&person - people_.data());
  const bool was_banned = model_.is_banned(person.name) && !host_.has_uncommitted();
  const auto refused = host_.join(socket, operation + "}");
  if (refused) {
    say("refused with " + std::to_string(*refused));
    expect(*refused != kForbidden || host_.has_uncommitted() ||
               model_.may_be_banned(person.name, wall_ms()),
           person.name + " is not banned, and is refused as if");
    person.disconnected();
    by_socket_.erase(socket);
    maybe_commit();
    return;
  }
  if (was_banned && model_.is_banned(person.name) && host_.is_open(socket)) {
    throw Violation(person.name + " is banned, and has joined");
  }
  if (host_.open_sockets() > rules_.connections) throw Violation("more connections than may be");
  maybe_commit();
}

void World::send(Person& person, std::string text, FrameKind kind, uint64_t publication) {
  if (person.socket == 0) return;
  wall_ms();
  person.sends(publication, model_, passed_ms_, host_.flush_at().has_value());
  if (trace_ != nullptr) {
    say(person.name + "#" + std::to_string(person.socket) + " > " + text.substr(0, 300));
  }
  if (kind == FrameKind::kOversize) person.has_sent_oversize = true;
  const uint32_t socket = person.socket;
  const uint64_t generation = host_.generation();
  const bool has_ended = person.was_welcomed && person.expires_ms > 0 &&
                         person.expires_ms <= wall_ms() &&
                         !person.is_renewing(host_.generation()) && !host_.has_uncommitted();
  if (publication != UINT64_MAX) {
    person.sends_as(publication, person.was_welcomed && !person.is_renewing(host_.generation()) &&
                                     !host_.has_uncommitted());
  }
  host_.frame(socket, kind, std::move(text));
  expect(!has_ended || !host_.is_open(socket) || host_.generation() != generation,
         "the token of " + person.name + " has ended, and it is heard");
  maybe_commit();
}

void World::publish(Person& person) {
  // Before the welcome nobody knows what he is called.
  if (!person.was_welcomed) return;
  std::string id;
  if (!dice_.one_in(3)) {
    id = "i" + std::to_string(dice_.below(is_calm_ ? 1'000'000 : 60));
    const auto is_same = [&](uint64_t number) { return model_.publication(number).id == id; };
    if (std::any_of(person.unknown.begin(), person.unknown.end(), is_same)) return;
  }
  size_t size = dice_.below(60);
  if (dice_.one_in(rules_.message_bytes > 10'000 ? 8 : 25))
    size = dice_.between(rules_.message_bytes / 2, rules_.message_bytes - 50);
  if (dice_.one_in(40)) size = rules_.message_bytes - model_.content_bytes(0);
  if (dice_.one_in(60)) {
    tally_.count(Fault::kTooLargeMessage);
    size = rules_.message_bytes + dice_.below(100);
  }
  const uint64_t number = model_.publish(person.name, person.conn, id, size);
  if (!id.empty()) {
    for (uint64_t before = 0; before < number && before + 200 > number; before++) {
      const Publication& other = model_.publication(before);
      if (other.id != id || other.user != person.name) continue;
      tally_.count(Fault::kUsedId);
      break;
    }
    if (!person.is_reader) person.unknown.push_back(number);
  }
  send_publication(person, number);
}

void World::publish_again(Person& person) {
  if (person.unknown.empty()) {
    publish(person);
    return;
  }
  send_publication(person, person.unknown[dice_.index(person.unknown.size())]);
}

void World::send_publication(Person& person, uint64_t number) {
  const Publication& publication = model_.publication(number);
  std::string text = R"({"type":"message","content":)" + publication.content;
  if (!publication.id.empty()) text += ",\"id\":" + quoted(publication.id);
  text += ",\"ref\":" + quoted(ref_of(number)) + "}";
  send(person, std::move(text), FrameKind::kText, number);
}

void World::flood(Person& person) {
  if (is_calm_ || !person.was_welcomed) return;
  tally_.count(Fault::kFlood);
  pour(person, dice_.one_in(4) ? dice_.between(100, 180) : dice_.between(10, 50));
  // Who comes back is the same user.
  if (rules_.user_rate == 0 || person.socket == 0 || !dice_.one_in(2)) return;
  leave(person);
  join(person);
  if (person.was_welcomed && person.socket != 0) pour(person, dice_.between(10, 50));
}

void World::pour(Person& person, uint64_t frames) {
  const uint32_t socket = person.socket;
  for (uint64_t i = 0; i < frames && person.socket == socket; i++) {
    if (dice_.one_in(8)) {
      send(person, R"({"type":"bogus"})");
    } else if (dice_.one_in(3)) {
      send(person, R"({"type":"event","name":"x"})");
    } else {
      send_publication(person, model_.publish(person.name, person.conn, "", 10));
    }
  }
}

void World::signal(Person& person) {
  if (!person.was_welcomed) return;
  const std::string number = std::to_string(next_ref_++);
  std::string text;
  if (dice_.one_in(20)) {
    tally_.count(Fault::kTooLargeEvent);
    text.assign(rules_.message_bytes, 'x');
  }
  person.awaited_events.insert(next_ref_ - 1);
  send(person, R"({"type":"event","name":"typing","content":{"n":)" + number + R"(,"x":)" +
                   quoted(text) + R"(},"ref":)" + quoted("e" + number) + "}");
}

// Until when a token is good: not for long, or for much of what is to come.
double World::some_expiry_ms() {
  const double now = wall_ms();
  return now + 1000 * static_cast<double>(dice_.one_in(3) ? dice_.between(1, 90)
                                                          : dice_.between(60, 7200));
}

void World::renew(Person& person) {
  if (!person.was_welcomed || (person.is_renewing(host_.generation()) && !dice_.one_in(4))) return;
  const std::string ref = "t" + std::to_string(next_ref_++);
  person.renewals[ref] = UINT64_MAX;
  const uint32_t socket = person.socket;
  send(person, R"({"type":"token","token":"abc","ref":)" + quoted(ref) + "}");
  const auto renewal = person.renewals.find(ref);
  if (person.socket == socket && renewal != person.renewals.end()) {
    renewal->second = host_.generation();
  }
}

// It is good as a rule, and then for another time, and may be for another role.
void World::verify(uint32_t socket, uint64_t object) {
  const double expires_ms = std::floor(some_expiry_ms() / 1000) * 1000;
  const uint64_t outcome = dice_.below(12);
  const bool is_reader = dice_.one_in(4);
  schedule_.add(static_cast<double>(dice_.between(1, dice_.one_in(4) ? 20'000 : 200)), [=, this] {
    Person* person = person_of(socket);
    if (person == nullptr) return;
    std::string verdict;
    if (is_calm_ || outcome > 3) {
      const bool may_only_read = is_reader && !person->is_moderator;
      const std::string role = person->is_moderator ? "moderator"
                               : may_only_read      ? "reader"
                                                    : "member";
      const std::string seconds = std::to_string(static_cast<uint64_t>(expires_ms / 1000));
      verdict = R"(good {"sub":)" + quoted(person->name) + R"(,"exp":)" + seconds + R"(,"role":)" +
                quoted(role) + "}";
      if (object == host_.object()) person->verdicts.push_back({expires_ms, may_only_read});
    } else if (outcome > 1) {
      tally_.count(Fault::kTokenRefused);
      verdict = outcome == 2 ? "bad the signature is wrong"
                             : R"(good {"sub":"somebody","exp":9999999999})";
    } else {
      tally_.count(Fault::kTokenUnverified);
      verdict = "unknown the keys cannot be had";
    }
    say("the token of " + person->name + ": " + verdict);
    host_.verified(socket, object, verdict);
    maybe_commit();
  });
}

void World::ask_page(Person& person, uint64_t with) {
  if (person.socket == 0) return;
  PageAsk ask;
  ask.limit = dice_.between(1, dice_.one_in(2) ? 5 : 60);
  if (with > 0) {
    ask.is_forwards = true;
    ask.after = with - 1;
  }
  switch (with > 0 ? 3 : dice_.below(3)) {
    case 0:
      ask.is_forwards = true;
      ask.after = dice_.below(model_.seq() + 2);
      break;
    case 1: ask.before = any_seq(); break;
    default: break;
  }
  ask.asked_at = model_.seq();
  ask.generation = host_.generation();
  // All that stands behind a record which is held, is held.
  ask.is_whole = ask.is_forwards && !host_.has_uncommitted() && model_.seq() > 0 &&
                 ask.after + 1 >= model_.oldest_held();
  const std::string ref = "h" + std::to_string(next_ref_++);
  person.pages[ref] = ask;
  send(person, R"({"type":"history")" + ask.members() + ",\"ref\":" + quoted(ref) + "}");
}

void World::remove(Person& person) {
  if (model_.seq() == 0) return;
  uint64_t seq = any_seq();
  // One's own, as a rule.
  for (int i = 0; i < 5 && seq <= model_.seq() && model_.at(seq).conn != person.conn; i++) {
    seq = any_seq();
  }
  if (!person.is_moderator && seq <= model_.seq() && model_.at(seq).user != person.name) {
    tally_.count(Fault::kForeignDeletion);
  }
  // Sometimes he has just asked for a page that has it, and often he looks afterwards.
  if (dice_.one_in(3)) ask_page(person, seq);
  send(person, R"({"type":"delete","ref":"d","seq":)" + std::to_string(seq) + "}");
  if (dice_.one_in(2)) pass(static_cast<double>(dice_.below(150)));
  if (dice_.one_in(3)) ask_page(person, seq);
}

std::string World::moderation_members() {
  const std::vector<std::string> actions = {"kick", "ban", "unban", "unban", "mute", "unmute"};
  const std::string action = dice_.pick(actions);
  std::string out = "\"action\":" + quoted(action) +
                    ",\"user\":" + quoted(people_[dice_.index(people_.size())].name);
  const bool may_end = action == "ban" || action == "mute";
  if (may_end && dice_.one_in(2)) {
    const std::string seconds = std::to_string(dice_.between(1, 120));
    out += ",\"for_s\":" + seconds + ",\"reason\":" + quoted("for " + seconds);
  } else if (dice_.one_in(3)) {
    out += R"(,"reason":"because")";
  }
  return out;
}

void World::moderate(Person& person) {
  if (!person.is_moderator) {
    if (!dice_.one_in(4)) return;
    tally_.count(Fault::kForeignModeration);
  }
  send(person, R"({"type":"moderation",)" + moderation_members() + "}");
}

void World::misbehave(Person& person) {
  if (is_calm_) return;
  switch (dice_.below(8)) {
    case 0:
      tally_.count(Fault::kBinaryFrame);
      send(person, std::string("\0\1\2", 3), FrameKind::kBinary);
      return;
    case 1:
      tally_.count(Fault::kOversizeFrame);
      send(person, dice_.one_in(2) ? "" : std::string(kFrameBytesMax + 1, 'x'),
           FrameKind::kOversize);
      return;
    case 2: renew(person); return;
    case 3: send(person, R"({"type":"ping", "ref":"q"})"); return;
    default: break;
  }
  tally_.count(Fault::kMalformedFrame);
  std::string text = R"({"type":"bogus","content":{"n":0,"x":"y"},"id":"z"})";
  if (dice_.one_in(2)) {
    text.resize(dice_.index(text.size()));
  } else {
    text[dice_.index(8)] = static_cast<char>(dice_.below(256));
  }
  send(person, text);
}

void World::leave(Person& person) {
  const uint32_t socket = person.socket;
  say(person.name + "#" + std::to_string(socket) + " leaves");
  const uint32_t code = person.is_deaf ? kAbnormalClosure : 1000;
  person.disconnected();
  by_socket_.erase(socket);
  host_.socket_closed(socket, code);
  maybe_commit();
}

void World::vanish(Person& person) {
  tally_.count(Fault::kVanished);
  say(person.name + " vanishes");
  person.is_deaf = true;
  person.awaited.clear();
  person.awaited_events.clear();
}

}  // namespace edgeroom::roomsim
