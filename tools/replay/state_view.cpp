#include "tools/replay/state_view.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/hex.h"
#include "base/json_writer.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// Of what a behaviour has saved, on a terminal.
constexpr size_t kOwnBytesShown = 256;

void append_users(std::string& out, const StateView& state, uint64_t StateView::Entry::* until) {
  out.push_back('{');
  bool is_first = true;
  for (const StateView::Entry& entry : state.entries) {
    if (entry.*until == 0) continue;
    if (!is_first) out.push_back(',');
    is_first = false;
    append_json_string(out, entry.user);
    out.push_back(':');
    if (entry.*until == kForGood) {
      out.append("null");
    } else {
      append_json_integer(out, entry.*until);
    }
  }
  out.push_back('}');
}

}  // namespace

StateView look_at(const RoomState& state) {
  // As it is encoded in rooms/room_state.h and rooms/moderation.h.
  const std::string encoded = state.encode();
  ByteReader reader(encoded);
  StateView view;
  view.digest = state.digest();
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; reader.ok() && i < count; i++) {
    StateView::Entry entry;
    entry.user = reader.sized();
    entry.banned_until = reader.varint();
    entry.muted_until = reader.varint();
    view.entries.push_back(std::move(entry));
  }
  view.kind = reader.sized();
  view.own = reader.sized();
  CHECK(reader.ok() && reader.at_end());
  return view;
}

std::string until_words(uint64_t until) {
  return until == kForGood ? "for good" : "until " + utc_time(until);
}

std::vector<std::string> state_lines(const StateView& state) {
  std::vector<std::string> lines;
  for (const StateView::Entry& entry : state.entries) {
    const std::string user = visible(entry.user);
    if (entry.banned_until > 0) {
      lines.push_back("banned    " + user + " " + until_words(entry.banned_until));
    }
    if (entry.muted_until > 0) {
      lines.push_back("muted     " + user + " " + until_words(entry.muted_until));
    }
  }
  if (lines.empty()) lines.emplace_back("nobody is banned or muted");
  if (!state.own.empty()) {
    std::string own = column(state.kind, 8) + "  " + count_of(state.own.size(), "byte") + " " +
                      quoted(std::string_view(state.own).substr(0, kOwnBytesShown));
    if (state.own.size() > kOwnBytesShown) own.append("...");
    lines.push_back(std::move(own));
  }
  return lines;
}

std::string state_json(const StateView& state) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("digest", state.digest);
  object.key("banned");
  append_users(out, state, &StateView::Entry::banned_until);
  object.key("muted");
  append_users(out, state, &StateView::Entry::muted_until);
  object.string("kind", state.kind);
  object.string("own", hex_encode(state.own));
  object.close();
  return out;
}

}  // namespace edgeroom::replay
