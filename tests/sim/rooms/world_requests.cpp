// What is asked of the simulated room over HTTP, and whether the answers are true.

#include <algorithm>
#include <utility>

#include "tests/sim/rooms/world.h"

namespace edgeroom::roomsim {

namespace {

constexpr uint32_t kOk = 200;
constexpr uint32_t kCreated = 201;

}  // namespace

void World::ask(const std::string& operation, const Asked& asked) {
  say("asks " + operation.substr(0, 300));
  // The answer may come before the number is known.
  asked_.emplace(0, asked);
  const uint32_t number = host_.request(operation);
  const auto waiting = asked_.find(0);
  if (waiting != asked_.end()) {
    asked_[number] = waiting->second;
    asked_.erase(0);
  }
  maybe_commit();
}

void World::request() {
  Asked asked;
  if (model_.letter_rows() > 0 && dice_.one_in(5)) {
    ask(R"({"op":"replay"})", asked);
    if (dice_.one_in(3)) sleep();
    return;
  }
  switch (dice_.below(11)) {
    case 0:
    case 1:
      asked.kind = Asked::Kind::kState;
      if (dice_.one_in(3)) asked.user = people_[dice_.index(people_.size())].name;
      asked.was_banned = model_.is_banned(asked.user) && !host_.has_uncommitted();
      ask("{\"op\":\"state\"" + (asked.user.empty() ? "" : ",\"user\":\"" + asked.user + "\"") +
              "}",
          asked);
      return;
    case 2: {
      asked.kind = Asked::Kind::kPublish;
      const std::string id = dice_.one_in(2) ? "i" + std::to_string(dice_.below(8)) : "";
      asked.publication = model_.publish("moderator", "", id, dice_.below(50));
      std::string operation =
          "{\"op\":\"publish\"}\n{\"content\":" + model_.publication(asked.publication).content;
      if (!id.empty()) operation += ",\"id\":\"" + id + "\"";
      ask(operation + "}", asked);
      if (!id.empty() && dice_.one_in(2)) ask(operation + "}", asked);
      return;
    }
    case 3:
    case 4:
      asked.kind = Asked::Kind::kMessages;
      asked.page.limit = dice_.between(1, 30);
      if (dice_.one_in(2)) asked.user = people_[dice_.index(people_.size())].name;
      asked.was_banned = model_.is_banned(asked.user) && !host_.has_uncommitted();
      asked.page.asked_at = model_.seq();
      asked.page.is_forwards = dice_.one_in(2);
      if (asked.page.is_forwards) {
        asked.page.after = dice_.below(model_.seq() + 2);
      } else {
        asked.page.before = any_seq();
      }
      if (dice_.one_in(3)) asked.epoch = model_.some_epoch(dice_.below(4));
      asked.is_of_room = asked.epoch == model_.epoch();
      ask("{\"op\":\"messages\"" + asked.page.members() +
              (asked.epoch.empty() ? "" : ",\"epoch\":\"" + asked.epoch + "\"") +
              (asked.user.empty() ? "" : ",\"user\":\"" + asked.user + "\"") + "}",
          asked);
      return;
    case 5:
      asked.kind = Asked::Kind::kDelete;
      asked.target = any_seq();
      if (dice_.one_in(2)) asked.epoch = model_.some_epoch(dice_.below(4));
      ask("{\"op\":\"delete\",\"seq\":" + std::to_string(asked.target) +
              (asked.epoch.empty() ? "" : ",\"epoch\":\"" + asked.epoch + "\"") + "}",
          asked);
      return;
    case 6:
      asked.kind = Asked::Kind::kModerate;
      ask("{\"op\":\"moderate\"}\n{" + moderation_members() + "}", asked);
      return;
    case 7:
      asked.kind = Asked::Kind::kLog;
      ask(R"({"op":"log"})", asked);
      return;
    case 8:
      asked.kind = Asked::Kind::kLetters;
      asked.target = dice_.one_in(2) ? 0 : any_seq();
      ask(R"({"op":"dead_letters","limit":50,"after":)" + std::to_string(asked.target) + "}",
          asked);
      return;
    case 9: ask(R"({"op":"replay"})", asked); return;
    default: ask(dice_.one_in(3) ? R"({"op":"drain"})" : R"({"op":"metrics"})", asked); return;
  }
}

void World::answers_lost() { asked_.clear(); }

void World::answered(uint32_t request, uint32_t status, const std::string& body) {
  auto found = asked_.find(request);
  if (found == asked_.end()) found = asked_.find(0);
  if (found == asked_.end()) return;
  const Asked asked = found->second;
  asked_.erase(found);
  say("is answered " + std::to_string(status) + " " + body.substr(0, 300));
  const bool is_done = status == kOk || status == kCreated;
  if (!is_done) return;
  switch (asked.kind) {
    case Asked::Kind::kState:
      expect(!asked.was_banned || !model_.is_banned(asked.user) || Object(body).has("failed"),
             asked.user + " is banned, and has asked for the state");
      check_state(Object(body));
      last_state_ = body;
      return;
    case Asked::Kind::kPublish: {
      const Object answer(body);
      model_.check_epoch(answer.text("epoch"));
      const Publication& publication = model_.publication(asked.publication);
      const uint64_t seq = answer.number("seq");
      if (status == kOk) {
        model_.check_ack(publication.user, publication.id, seq, 0);
      } else {
        expect(publication.seq == seq, "a publication is answered with a record that is another");
      }
      return;
    }
    case Asked::Kind::kMessages:
      expect(!asked.was_banned || !model_.is_banned(asked.user),
             asked.user + " is banned, and has read");
      last_page_ = body;
      if (asked.epoch.empty() || (asked.epoch == model_.epoch() && !host_.has_uncommitted())) {
        check_page(Object(body), asked.page, model_);
      } else if (asked.epoch != model_.epoch()) {
        expect(asked.is_of_room || Object(body).text("epoch") == asked.epoch,
               "a page of another epoch than asked for");
      }
      return;
    case Asked::Kind::kDelete: {
      expect(asked.epoch.empty() || Object(body).text("epoch") == asked.epoch,
             "a message of another epoch is deleted");
      const uint64_t seq = Object(body).number("seq");
      expect(model_.at(seq).target == asked.target && model_.at(asked.target).deletion == seq,
             "a deletion is answered that is not stored");
      return;
    }
    case Asked::Kind::kModerate:
      expect(model_.at(Object(body).number("seq")).kind == RecordKind::kModeration,
             "a moderation is answered that is not stored");
      return;
    case Asked::Kind::kLog: check_log(body); return;
    case Asked::Kind::kLetters:
      check_letters(Object(body), asked);
      last_letters_ = body;
      return;
    case Asked::Kind::kElse: return;
  }
}

void World::check_state(const Object& state) {
  if (state.has("failed") || state.raw("epoch") == "null") return;
  model_.check_epoch(state.text("epoch"));
  const Object outbox(state.raw("outbox"));
  const uint64_t seq = state.number("seq");
  const uint64_t confirmed = state.number("confirmed");
  expect(seq <= model_.seq(), "the state names a record that is not stored");
  expect(confirmed <= model_.settled_through(), "the state confirms what is not settled");
  expect(outbox.number("pending") == seq - confirmed, "pending is not what is not confirmed");
  expect(seq != confirmed || outbox.number("oldest_ms") == 0, "nothing is pending, and waits");
  if (confirmed < seq) {
    // What is confirmed in part counts from its first record.
    const double since_ms = static_cast<double>(model_.at(model_.segment_of(confirmed + 1)).ts);
    expect(static_cast<double>(outbox.number("oldest_ms")) <= model_.latest_ms() - since_ms,
           "nothing waits for as long as the state says: " + std::string(state.json()));
  }
  expect(state.number("connections") <= rules_.connections, "more connections than there may be");
}

// Header, records, end: whole and true.
void World::check_log(const std::string& text) {
  size_t at = 0;
  uint64_t records = 0;
  uint64_t before = 0;
  uint64_t last = 0;
  bool has_ended = false;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    const Object line(std::string_view(text).substr(at, end - at));
    at = end + 1;
    const std::string_view type = line.text("type");
    if (type == "log") {
      before = line.number("first") - 1;
      last = line.number("last");
      expect(last <= model_.seq(), "an exported log is longer than what is stored");
    } else if (type == "end") {
      has_ended = true;
      expect(line.number("records") == records, "an exported log with another number of records");
    } else {
      expect(line.number("seq") == before + 1, "an exported log with a hole");
      before++;
      records++;
      const Stored& stored = model_.at(before);
      expect(line.number("ts") == stored.ts, "an exported log with another record");
      if (type == "message" && !line.has("deleted")) {
        expect(line.raw("content") == stored.content, "an exported log with another content");
      }
    }
  }
  expect(has_ended && before == last, "an exported log that is cut");
}

void World::check_letters(const Object& page, const Asked& asked) {
  letters_ = 0;
  for (const Object& letter : page.objects("dead")) {
    letters_++;
    const uint64_t seq = letter.number("seq");
    expect(seq > asked.target, "a dead letter that is not behind the one that was named");
    expect(model_.is_refused(seq), "a dead letter that nobody has refused");
    const Object record(letter.raw("record"));
    expect(record.number("ts") == model_.at(seq).ts, "a dead letter that is another record");
    if (record.has("content")) {
      expect(record.raw("content") == model_.at(seq).content, "a dead letter with another content");
    }
  }
}

}  // namespace edgeroom::roomsim
