#include "tools/replay/record_words.h"

#include "tools/replay/state_view.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

constexpr size_t kKindColumns = 7;  // message
constexpr size_t kGap = 2;

// However narrow the terminal is.
constexpr size_t kTextColumnsMin = 20;

}  // namespace

std::string record_kind(const Record& record) {
  switch (record.kind) {
    case RecordKind::kMessage: return "message";
    case RecordKind::kDeletion: return "delete";
    case RecordKind::kModeration: return std::string(moderation_action_name(record.action));
  }
  return "";
}

std::string record_text(const Record& record) {
  switch (record.kind) {
    case RecordKind::kMessage:
      if (record.deleted) return "(deleted by " + std::string(record.by) + ")";
      return std::string(record.content);
    case RecordKind::kDeletion: return "message " + std::to_string(record.target);
    case RecordKind::kModeration: break;
  }
  std::string text(record.subject);
  const bool lasts =
      record.action == ModerationAction::kBan || record.action == ModerationAction::kMute;
  if (lasts) text += " " + until_words(record.until == 0 ? kForGood : record.until);
  if (!record.reason.empty()) text.append(": ").append(record.reason);
  return text;
}

std::string record_row(const Record& record, const Columns& columns) {
  const std::string gap(kGap, ' ');
  std::string row = right(std::to_string(record.seq), columns.seq) + gap + utc_time(record.ts) +
                    gap + column(visible(record.user), columns.user) + gap +
                    column(record_kind(record), kKindColumns) + gap;
  row += shown(record_text(record), rest_of(columns.width, columns_of(row)));
  return row;
}

size_t rest_of(size_t width, size_t used) {
  if (width == 0) return 0;
  return width < used + kTextColumnsMin ? kTextColumnsMin : width - used;
}

}  // namespace edgeroom::replay
