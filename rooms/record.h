// Records: the entries of a room's one log, and the forms in which they travel.
//
// Stored form, inside a segment's data (integers as in base/bytes.h):
//
//   record  := kind:u8 ts_delta:varint user:sized body
//   body    := message | deletion | moderation           (by kind)
//   message := flags:u8 [id:sized] conn:sized content:sized
//            | 2:u8 by:sized                             (a deleted one: its content is gone)
//            | 3:u8                                      (the same, deleted by its own user)
//   deletion := conn:sized target:varint
//   moderation := conn:sized action:u8 subject:sized until:varint reason:sized
//
// `seq` is not stored: it is the segment's first_seq plus the record's index. `ts_delta` counts
// from the segment's first record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgeroom {

class ByteReader;
class ByteWriter;

enum class RecordKind : uint8_t { kMessage = 1, kDeletion = 2, kModeration = 3 };

enum class ModerationAction : uint8_t {
  kKick = 1,
  kBan = 2,
  kUnban = 3,
  kMute = 4,
  kUnmute = 5,
};

// The action's name in the protocol: kick, ban, unban, mute, unmute.
std::string_view moderation_action_name(ModerationAction action);
std::optional<ModerationAction> parse_moderation_action(std::string_view name);

// A view of a record: the strings belong to whoever made it.
struct Record {
  RecordKind kind = RecordKind::kMessage;
  uint64_t seq = 0;
  uint64_t ts = 0;           // ms since 1970, never less than that of the record before
  std::string_view user;     // who did it
  std::string_view conn;     // the connection that sent it; empty when it came over HTTP
  std::string_view id;       // the client's id; empty when none was given
  uint64_t id_hash = 0;      // of user and id (rooms/dedup.h); 0 where nobody has needed it yet
  std::string_view content;  // JSON text, as it arrived
  bool deleted = false;      // a message whose id, conn and content are gone
  std::string_view by;       // who deleted it
  uint64_t target = 0;       // the message that a deletion deletes
  // Of a moderation: what is done to whom, and until when (ms since 1970; 0: for good).
  ModerationAction action = ModerationAction::kKick;
  std::string_view subject;
  uint64_t until = 0;
  std::string_view reason;  // empty when none was given
};

void encode_record(ByteWriter& out, const Record& record, uint64_t segment_ts);
// At most how many bytes that writes.
size_t encoded_bytes_max(const Record& record);

// Reads the next record. `seq` and `segment_ts` come from the segment's head. False when the bytes
// are no record; the views of `record` point into the reader's bytes.
bool decode_record(ByteReader& in, uint64_t seq, uint64_t segment_ts, Record& record);

// In a frame: {"type":"new_message","seq":…,"user":…,"ts":…,"content":…,"id":…}, with
// "deleted":true instead of content and id when it is deleted,
// {"type":"message_deleted","seq":…,"target":…,"by":…,"ts":…} or
// {"type":"moderation","seq":…,"action":…,"user":…,"by":…,"until":…,"reason":…,"ts":…}.
void append_client_json(std::string& out, const Record& record);

// In a page of history: {"seq":…,"ts":…,"user":…,"id":…,"content":…}, or {"seq":…,"ts":…,"user":…,
// "deleted":true,"by":…}. Messages only.
void append_history_json(std::string& out, const Record& record);

// In a batch for the central API: {"seq":…,"type":"message","ts":…,"user":…,"id":…,"content":…},
// the same with "deleted":true, {"seq":…,"type":"delete","ts":…,"target":…,"by":…} or
// {"seq":…,"type":"moderation","ts":…,"action":…,"user":…,"by":…,"until":…,"reason":…}.
void append_central_json(std::string& out, const Record& record);

// In an exported log: as for the central API, and with all else that is stored: "conn", and "by" of
// a deleted message. Always one line: content whose text has line breaks between its tokens stands
// as a string, "content_text", in place of "content".
void append_log_json(std::string& out, const Record& record);

}  // namespace edgeroom
