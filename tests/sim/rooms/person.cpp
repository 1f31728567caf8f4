#include "tests/sim/rooms/person.h"

#include <algorithm>
#include <array>

#include "rooms/limits.h"

namespace edgeroom::roomsim {

namespace {

constexpr size_t kFrameBytesMax = kOutboundFrameBytesMax + (256U << 10U);

void expect(bool is_so, const std::string& otherwise) {
  if (!is_so) throw Violation(otherwise);
}

// Messages between the bounds, both excluded, that a page may not leave out.
void expect_none_between(uint64_t after, uint64_t before, const Model& model,
                         const std::string& where) {
  const auto& seqs = model.messages();
  for (auto seq = std::upper_bound(seqs.begin(), seqs.end(), after);
       seq != seqs.end() && *seq < before; ++seq) {
    // What the central API has refused is not in its pages.
    expect(model.is_refused(*seq),
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
}

void Person::disconnected() {
  socket = 0;
  is_deaf = false;
  pages.clear();
}

void Person::hear(Told& frame, Model& model, double now_ms) {
  expect(frame.text.size() <= kFrameBytesMax, "a frame larger than it may be");
  for (const Object& object : frame.objects()) {
    const std::string_view type = object.text("type");
    expect(was_welcomed == (type != "welcome"), "the welcome is not the first, or comes twice");
    if (type == "welcome") {
      welcome(object, model);
    } else if (type == "new_message" || type == "message_deleted" || type == "moderation") {
      record(object, type, model);
    } else if (type == "message_confirmed") {
      confirmation(object, model);
    } else if (type == "ack") {
      model.check_ack(name, object.text("id"), object.number("seq"));
      answered(object.text("id"), model);
    } else if (type == "error") {
      error(object, model, now_ms);
    } else if (type == "history") {
      page(object, model);
    } else if (type == "event" && object.text("name") == "ledger") {
      const Object content(object.raw("content"));
      model.check_ledger(content.number("seq"), content.text("link"));
    } else {
      constexpr std::array<std::string_view, 8> kOthers = {
          "event", "room_count", "join", "leave", "presence", "reconnect", "token", "pong"};
      expect(std::find(kOthers.begin(), kOthers.end(), type) != kOthers.end(),
             "an unknown frame: " + std::string(object.json()));
    }
  }
}

void Person::welcome(const Object& object, Model& model) {
  was_welcomed = true;
  model.check_epoch(object.text("epoch"));
  conn = object.text("conn");
  expect(object.text("user") == name, "another user is welcomed");
  const uint64_t seq = object.number("seq");
  expect(seq <= model.seq(), "a welcome names a record that is not stored");
  expect(object.number("count") <= model.rules().connections, "more connections than there may be");
  const bool is_recovered = object.raw("recovered") == "true";
  const bool is_honest = asked_resume && asked_epoch == model.epoch() && asked_after <= seq;
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
    expect(model.is_refused(letter), "a dead letter that nobody has refused");
    dead.insert(letter);
  }
  confirmed = object.number("confirmed");
  check_confirmed(0, confirmed, model);
}

void Person::record(const Object& object, std::string_view type, Model& model) {
  const uint64_t seq = object.number("seq");
  expect(seq == seen + 1,
         name + " is told of record " + std::to_string(seq) + " after " + std::to_string(seen));
  seen = seq;
  model.check_told(object, type);
  if (type != "new_message" || object.text("user") != name) return;
  if (object.has("id")) answered(object.text("id"), model);
}

void Person::answered(std::string_view id, const Model& model) {
  unknown.erase(std::remove_if(unknown.begin(), unknown.end(),
                               [&](uint64_t number) { return model.publication(number).id == id; }),
                unknown.end());
}

void Person::check_confirmed(uint64_t from, uint64_t through, const Model& model) const {
  expect(through <= model.seq(), "a confirmation of what is not stored");
  for (uint64_t seq = from + 1; seq <= through; seq++) {
    expect(model.is_central(seq) || dead.count(seq) == 1,
           "record " + std::to_string(seq) + " counts as confirmed, and is not stored centrally");
  }
}

void Person::confirmation(const Object& object, Model& model) {
  model.check_epoch(object.text("epoch"));
  for (const uint64_t letter : object.numbers("except")) {
    expect(model.is_refused(letter), "an exception that nobody has refused");
    dead.insert(letter);
  }
  for (const uint64_t letter : object.numbers("stored")) {
    expect(model.is_central(letter), "a dead letter counts as stored, and is not");
    dead.erase(letter);
  }
  const uint64_t through = object.number("through");
  if (through <= confirmed) return;
  check_confirmed(confirmed, through, model);
  confirmed = through;
}

void Person::error(const Object& object, const Model& model, double now_ms) {
  const std::string_view code = object.text("code");
  if (code == "rate_limited") {
    limited = limited_at_ms == now_ms ? limited + 1 : 1;
    limited_at_ms = now_ms;
    expect(limited <= kFloodWarningsMax, "a flood that is warned for ever");
    return;
  }
  // What may go through later.
  if (code == "internal" || code == "outbox_full") return;
  if (object.has("id")) answered(object.text("id"), model);
}

void Person::page(const Object& object, const Model& model) {
  const auto ask = pages.find(object.text("ref"));
  expect(ask != pages.end(), "a page that nobody has asked for");
  check_page(object, ask->second, model);
  pages.erase(ask);
}

}  // namespace edgeroom::roomsim
