#include "tests/unit/record_dice.h"

#include <vector>

namespace edgeroom::test {

namespace {

std::string maybe_name(Dice& dice) { return dice.one_in(3) ? "" : random_name(dice); }

}  // namespace

Record OwnedRecord::view() const {
  Record record = fields;
  record.user = user;
  record.conn = conn;
  record.id = id;
  record.content = content;
  record.by = by;
  record.subject = subject;
  record.reason = reason;
  return record;
}

std::string random_name(Dice& dice) {
  static const std::vector<std::string> kParts = {"a",
                                                  "Z",
                                                  "0",
                                                  " ",
                                                  "\"",
                                                  "\\",
                                                  "/",
                                                  "\n",
                                                  "\t",
                                                  std::string(1, '\0'),
                                                  "\x1f",
                                                  "\x7f",
                                                  "é",
                                                  "€",
                                                  "😀",
                                                  "\xf4\x8f\xbf\xbf",
                                                  "\xe2\x80\xa8",
                                                  "{\"seq\":1}",
                                                  "</script>"};
  std::string name;
  for (uint64_t n = dice.between(1, dice.one_in(10) ? 100 : 8); n > 0; n--) {
    name += dice.pick(kParts);
  }
  return name;
}

std::string random_content(Dice& dice) {
  static const std::vector<std::string> kContents = {"0",
                                                     "null",
                                                     "true",
                                                     "1e400",
                                                     "-0.0E+1",
                                                     "12345678901234567890",
                                                     "\"\"",
                                                     "[]",
                                                     "{}",
                                                     R"("\u00e9é\ud83d\ude00 \"}]\\")",
                                                     R"({"b":1,"a":[ 2 , {"a":1,"a":2} ]})",
                                                     R"({ "content" : null,
          "seq":99})",
                                                     std::string(64, '[') + std::string(64, ']')};
  if (dice.one_in(3)) return "\"" + std::string(dice.index(300), 'x') + "\"";
  return dice.pick(kContents);
}

OwnedRecord random_record(Dice& dice, uint64_t seq, uint64_t ts) {
  OwnedRecord out;
  out.fields.seq = seq;
  out.fields.ts = ts;
  out.user = random_name(dice);
  switch (dice.below(4)) {
    case 0:
      out.fields.kind = RecordKind::kDeletion;
      out.conn = maybe_name(dice);
      out.fields.target = dice.one_in(4) ? 9007199254740991U : dice.between(1, seq);
      break;
    case 1:
      out.fields.kind = RecordKind::kModeration;
      out.conn = maybe_name(dice);
      out.fields.action = static_cast<ModerationAction>(dice.between(1, 5));
      out.subject = random_name(dice);
      if (dice.one_in(2)) out.fields.until = ts + dice.below(1ULL << 40U);
      if (dice.one_in(2)) out.reason = random_name(dice);
      break;
    case 2:
      out.fields.deleted = true;
      out.by = dice.one_in(2) ? out.user : random_name(dice);
      break;
    default:
      out.conn = maybe_name(dice);
      out.id = maybe_name(dice);
      out.content = random_content(dice);
      break;
  }
  return out;
}

std::string shown(const Record& record) {
  std::string out;
  const auto add = [&out](std::string_view name, std::string_view text) {
    out.append(name).append("=").append(text).append(" ");
  };
  add("kind", std::to_string(static_cast<int>(record.kind)));
  add("seq", std::to_string(record.seq));
  add("ts", std::to_string(record.ts));
  add("user", record.user);
  add("conn", record.conn);
  add("id", record.id);
  add("content", record.content);
  add("deleted", record.deleted ? "true" : "false");
  add("by", record.by);
  add("target", std::to_string(record.target));
  add("action", std::to_string(static_cast<int>(record.action)));
  add("subject", record.subject);
  add("until", std::to_string(record.until));
  add("reason", record.reason);
  return out;
}

}  // namespace edgeroom::test
