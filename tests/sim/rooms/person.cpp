#include "tests/sim/rooms/person.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_scanner.h"
#include "base/token_limits.h"
#include "rooms/limits.h"

namespace edgeroom::roomsim {

namespace {

constexpr size_t kFrameBytesMax = kOutboundFrameBytesMax + (256U << 10U);

// Messages between the bounds, both excluded, that a page may not leave out.
void expect_none_between(uint64_t after, uint64_t before, const Model& model,
                         const std::string& where) {
  const auto& seqs = model.messages();
  for (auto seq = std::upper_bound(seqs.begin(), seqs.end(), after);
       seq != seqs.end() && *seq < before; ++seq) {
    // What the central API has refused is not in its pages.
    expect(model.is_refused(*seq) || *seq <= model.forgotten_through(),
           "a page leaves out message " + std::to_string(*seq) + " " + where);
  }
}

}  // namespace

std::string PageAsk::members() const {
  std::string out = ",\"limit\":" + std::to_string(limit);
  if (is_forwards) out += ",\"after\":" + std::to_string(after);
  if (before > 0) out += ",\"before\":" + std::to_string(before);
  return out;
}

void check_page(const Object& page, const PageAsk& ask, const Model& model) {
  const std::vector<Object> messages = page.objects("messages");
  const bool is_partial = page.has("partial");
  const bool has_more = page.raw("more") == "true";
  expect(!is_partial || !ask.is_whole, "a page that is whole is called a part");
  expect(messages.size() <= ask.limit, "a page with more messages than were asked for");
  const uint64_t newest = ask.asked_at + 1;
  const uint64_t end = ask.before > 0 ? ask.before : UINT64_MAX;
  if (messages.empty()) {
    if (is_partial) return;
    expect_none_between(ask.is_forwards ? ask.after : 0, std::min(end, newest), model,
                        "and is empty");
    return;
  }
  uint64_t before = ask.is_forwards ? ask.after : 0;
  bool is_first = true;
  for (const Object& message : messages) {
    const uint64_t seq = message.number("seq");
    expect(seq > before && seq < end, "a page that is not in order, or beyond its bounds");
    if (!is_first) expect_none_between(before, seq, model, "between two that it has");
    model.check_in_page(message, ask.asked_at);
    before = seq;
    is_first = false;
  }
  if (is_partial) return;
  const uint64_t first = messages.front().number("seq");
  const uint64_t last = messages.back().number("seq");
  if (ask.is_forwards) {
    expect_none_between(ask.after, first, model, "before its first");
    if (!has_more) expect_none_between(last, newest, model, "after its last, and says no more");
  } else {
    expect_none_between(last, std::min(end, newest), model, "after its last");
    if (!has_more) expect_none_between(0, first, model, "before its first, and says no more");
  }
}

void Person::connected(uint32_t number) {
  socket = number;
  is_deaf = false;
  was_welcomed = false;
  limited = 0;
  wait_ms = 0;
  refused_passed_ms = -1;
  warnings = 0;
  expires_ms = 0;
  has_sent_oversize = false;
}

void Person::disconnected() {
  socket = 0;
  is_deaf = false;
  pages.clear();
  awaited.clear();
  awaited_events.clear();
  to_be_heard.clear();
  renewals.clear();
  verdicts.clear();
}

std::string ref_of(uint64_t publication) { return "m" + std::to_string(publication); }

void Person::sends(uint64_t publication, const Model& model, double passed_ms, bool is_turn_open) {
  last_sent = publication;
  // The room's clock goes at half the speed of the host's at least.
  const bool has_waited = wait_ms > 0 && passed_ms - wait_from_passed_ms >= 2 * wait_ms + 2;
  wait_ms = 0;
  const Rules& rules = model.rules();
  const double rest_ms = 1000.0 * rules.burst / rules.rate;
  const bool has_one_limit = rules.user_rate == 0 && rules.bytes == 0;
  if (has_one_limit && passed_ms - sent_passed_ms >= 2 * rest_ms + 2) warnings = 0;
  sent_passed_ms = passed_ms;
  if (publication == UINT64_MAX) return;
  awaited.insert(publication);
  to_be_heard.erase(publication);
  if (has_waited) to_be_heard.insert(publication);
  const std::string& id = model.publication(publication).id;
  if (id.empty()) return;
  sent_ids[id] = is_turn_open ? 0 : model.seq();
  sent_after[id] = model.ids();
}

void Person::sends_as(uint64_t publication, bool is_certain) {
  if (!is_reader || !is_certain) sent_as_member.insert(publication);
  if (!is_reader && is_certain) {
    last_as_member.insert(publication);
  } else {
    last_as_member.erase(publication);
  }
}

bool Person::is_renewing(uint64_t generation) const {
  return std::any_of(renewals.begin(), renewals.end(),
                     [=](const auto& renewal) { return renewal.second == generation; });
}

void Person::hear(Told& frame, Model& model, double passed_ms) {
  expect(frame.text.size() <= kFrameBytesMax, "a frame larger than it may be");
  for (const Object& object : frame.objects()) {
    said_passed_ms = frame.passed_ms;
    const std::string_view type = object.text("type");
    expect(was_welcomed == (type != "welcome"), "the welcome is not the first, or comes twice");
    if (type == "welcome" || type == "room_count" || type == "presence") {
      told_count = object.number("count");
      told_users = object.number("users");
    }
    if (type == "welcome") {
      welcome(object, model);
    } else if (type == "new_message" || type == "message_deleted" || type == "moderation") {
      record(object, type, model);
    } else if (type == "message_confirmed") {
      confirmation(object, model, frame.generation);
    } else if (type == "ack") {
      acknowledged(object, model);
    } else if (type == "error") {
      error(object, model, passed_ms, frame.generation);
    } else if (type == "history") {
      page(object, model, frame.stored);
    } else if (type == "reconnect") {
      is_asked_back = true;
      asked_back_by = frame.generation;
      asked_back_passed_ms = frame.passed_ms;
      asked_back_after_ms = static_cast<double>(object.number("after_ms"));
    } else if (type == "event") {
      event(object, model);
    } else if (type == "token") {
      token(object, model);
    } else {
      constexpr std::array<std::string_view, 5> kOthers = {"room_count", "join", "leave",
                                                           "presence", "pong"};
      expect(std::find(kOthers.begin(), kOthers.end(), type) != kOthers.end(),
             "an unknown frame: " + std::string(object.json()));
    }
  }
}

void Person::welcome(const Object& object, Model& model) {
  was_welcomed = true;
  epoch = object.text("epoch");
  model.check_epoch(epoch);
  conn = object.text("conn");
  muted.clear();
  confirmed_by = 0;
  is_asked_back = false;
  expect(object.text("user") == name, "another user is welcomed");
  const std::string_view role = is_moderator ? "moderator" : is_reader ? "reader" : "";
  expect(object.text("role") == role, "a welcome with another role: " + std::string(object.json()));
  if (object.has("expires")) expires_ms = static_cast<double>(object.number("expires"));
  expect(expires_ms == asked_expires_ms, "a welcome with another end of the token");
  const uint64_t seq = object.number("seq");
  expect(seq <= model.seq(), "a welcome names a record that is not stored");
  expect(object.number("count") <= model.rules().connections, "more connections than there may be");
  const bool is_recovered = object.raw("recovered") == "true";
  const bool is_honest = asked_resume && asked_epoch == epoch && asked_after <= seq;
  expect(!is_recovered || is_honest, "recovered, though it cannot be");
  expect(is_recovered || !is_honest || !model.must_hold_after(asked_after),
         "not recovered after " + std::to_string(asked_after) + " of " + std::to_string(seq) +
             ", though the room has to hold it");
  // Whoever was told of a record may count on it.
  expect(!knows || seen <= seq, "the room has forgotten record " + std::to_string(seen));
  seen = is_recovered ? asked_after : seq;
  knows = true;
  dead.clear();
  for (const uint64_t letter : object.numbers("dead")) {
    expect(model.is_refused(letter) || epoch != model.epoch(),
           "a dead letter that nobody has refused");
    dead.insert(letter);
  }
  confirmed = object.number("confirmed");
  if (epoch == model.epoch()) check_confirmed(0, confirmed, model);
}

void Person::record(const Object& object, std::string_view type, Model& model) {
  const uint64_t seq = object.number("seq");
  expect(seq == seen + 1,
         name + " is told of record " + std::to_string(seq) + " after " + std::to_string(seen));
  seen = seq;
  model.check_told(object, type);
  const std::string_view action = object.text("action");
  if (action == "mute" && !object.has("until")) muted.emplace(object.text("user"));
  if ((action == "mute" && object.has("until")) || action == "unmute") {
    muted.erase(std::string(object.text("user")));
  }
  if (type != "new_message" || object.text("user") != name) return;
  if (object.has("id")) answered(object.text("id"), model);
  if (!object.has("content")) return;
  const uint64_t number = number_of(object.raw("content"));
  expect(awaited.erase(number) == 0 || sent_as_member.count(number) == 1,
         name + " may only read, and was heard");
}

void Person::answered(std::string_view id, const Model& model) {
  const auto is_it = [&](uint64_t number) { return model.publication(number).id == id; };
  unknown.erase(std::remove_if(unknown.begin(), unknown.end(), is_it), unknown.end());
  std::erase_if(awaited, is_it);
}

void Person::acknowledged(const Object& object, const Model& model) {
  const std::string id(object.text("id"));
  const auto sent = sent_after.find(id);
  expect(sent != sent_after.end(), "an id is acknowledged that was not sent");
  expect(object.text("ref").substr(0, 1) == "m", "an acknowledgement without its ref");
  model.check_ack(name, id, object.number("seq"), sent->second);
  answered(id, model);
}

void Person::event(const Object& object, const Model& model) {
  if (object.text("name") == "ledger") {
    const Object content(object.raw("content"));
    model.check_ledger(content.number("seq"), content.text("link"));
    return;
  }
  expect(muted.count(object.text("user")) == 0,
         std::string(object.text("user")) + " is muted, and an event of theirs was heard");
  expect(object.raw("content").size() <= model.rules().message_bytes,
         "an event larger than MESSAGE_BYTES_MAX");
  if (object.text("name") != "typing" || object.text("conn") != conn) return;
  awaited_events.erase(Object(object.raw("content")).number("n"));
}

void Person::check_confirmed(uint64_t from, uint64_t through, const Model& model) const {
  expect(through <= model.seq(), "a confirmation of what is not stored");
  for (uint64_t seq = std::max(from, model.forgotten_through()) + 1; seq <= through; seq++) {
    expect(model.is_central(seq) || dead.count(seq) == 1,
           "record " + std::to_string(seq) + " counts as confirmed, and is not stored centrally");
  }
}

void Person::confirmation(const Object& object, const Model& model, uint64_t generation) {
  const std::string_view of_epoch = object.text("epoch");
  model.check_epoch(of_epoch);
  // Of another epoch than the one that it knows it takes nothing.
  if (of_epoch != epoch || epoch != model.epoch()) return;
  const uint64_t through = object.number("through");
  for (const uint64_t letter : object.numbers("except")) {
    model.check_exception(letter, generation);
    expect(letter <= through, "an exception above what is confirmed");
    expect(generation != confirmed_by || letter > confirmed_through,
           "record " + std::to_string(letter) + " is told twice as an exception");
    dead.insert(letter);
  }
  confirmed_by = generation;
  confirmed_through = through;
  for (const uint64_t letter : object.numbers("stored")) {
    expect(model.is_central(letter), "a dead letter counts as stored, and is not");
    dead.erase(letter);
  }
  if (through <= confirmed) return;
  check_confirmed(confirmed, through, model);
  confirmed = through;
}

void Person::error(const Object& object, const Model& model, double passed_ms,
                   uint64_t generation) {
  const std::string_view code = object.text("code");
  const std::string_view ref = object.text("ref");
  const bool is_message = ref.substr(0, 1) == "m";
  const uint64_t number = is_message ? json_integer(ref.substr(1)).value_or(0) : UINT64_MAX;
  awaited.erase(number);
  if (ref.substr(0, 1) == "e") awaited_events.erase(json_integer(ref.substr(1)).value_or(0));
  if (const auto asked = pages.find(ref); asked != pages.end()) pages.erase(asked);
  if (const auto renewal = renewals.find(ref); renewal != renewals.end()) {
    renewals.erase(renewal);
    if (object.text("detail") == "a token is being verified") {
      expect(!renewals.empty(), "a token is refused because of another, and there is none");
      return;
    }
  }
  const bool is_bad = code.substr(0, 4) == "bad_" || code == "unknown_type";
  expect(!is_bad || limited_by != generation || said_passed_ms != refused_passed_ms,
         "a frame that is wrong costs nothing");
  if (code == "rate_limited") {
    refused_passed_ms = said_passed_ms;
    // A new instance counts them anew, and with them the frames of the turn that it is given again.
    if (std::exchange(limited_by, generation) != generation) {
      limited = 0;
      to_be_heard.clear();
    }
    limit(number, object, model, passed_ms);
    return;
  }
  // The frames of a turn that trapped: it is not told which of them.
  if (code == "internal" && ref.empty()) {
    awaited.clear();
    awaited_events.clear();
  }
  expect(code != "outbox_full" || ref != "d",
         "a deletion is refused for a full outbox, and there is a reserve for it");
  // What may go through later.
  if (code == "internal" || code == "outbox_full") return;
  const std::string id(object.text("id"));
  if (id.empty() || !is_message) return;
  expect(code != "forbidden" || last_as_member.count(number) == 0,
         "a message of " + name + " is forbidden, and may be sent");
  if (code != "forbidden") model.check_refusal(name, id, sent_ids[id]);
  expect(
      code != "too_large" || model.publication(number).content.size() > model.rules().message_bytes,
      "a message is refused for its size that is not too large");
  answered(id, model);
}

// It has been taken, as one of those of which the room has heard.
void Person::token(const Object& object, const Model& model) {
  const auto renewal = renewals.find(object.text("ref"));
  expect(renewal != renewals.end(), "a token is taken that was not brought");
  renewals.erase(renewal);
  constexpr double kSkewMs = kTokenSkewSeconds * 1000;
  const auto told_ms = static_cast<double>(object.number("expires"));
  const auto verdict = std::find_if(verdicts.begin(), verdicts.end(), [&](const Verdict& each) {
    return told_ms == each.expires_ms ||
           (told_ms == each.expires_ms + kSkewMs && each.expires_ms <= model.latest_ms());
  });
  expect(verdict != verdicts.end(), "a token is taken with another end than its own");
  expires_ms = told_ms;
  is_reader = verdict->is_reader;
  verdicts.erase(verdicts.begin(), std::next(verdict));
}

void Person::limit(uint64_t number, const Object& object, const Model& model, double passed_ms) {
  expect(object.raw("retry_after_ms") != "" && object.number("retry_after_ms") > 0,
         "a refusal that does not say how long to wait: " + std::string(object.json()));
  limited = limited_at_passed_ms == passed_ms ? limited + 1 : 1;
  limited_at_passed_ms = passed_ms;
  warnings++;
  expect(limited <= kFloodWarningsMax, "a flood that is warned for ever");
  expect(to_be_heard.count(number) == 0,
         "a message is refused though its sender has waited as long as he was told");
  // Of all connections of a user nobody knows who will be the first, and answers cost bytes too.
  if (model.rules().user_rate > 0 || model.rules().bytes > 0 || number == UINT64_MAX ||
      number != last_sent)
    return;
  wait_from_passed_ms = passed_ms;
  wait_ms = static_cast<double>(object.number("retry_after_ms"));
}

void Person::page(const Object& object, const Model& model, uint64_t stored) {
  const auto ask = pages.find(object.text("ref"));
  expect(ask != pages.end(), "a page that nobody has asked for");
  // What was deleted while the page was on its way is not in it either.
  if (epoch == model.epoch()) {
    for (const Object& message : object.objects("messages")) model.check_in_page(message, stored);
  }
  check_page(object, ask->second, model);
  pages.erase(ask);
}

}  // namespace edgeroom::roomsim
