#include "rooms/operation.h"

#include <array>

#include "base/json_scanner.h"

namespace edgeroom {

namespace {

struct KindName {
  std::string_view name;
  OperationKind kind;
};

// In the order of OperationKind.
constexpr std::array<KindName, 12> kKindNames = {{
    {"connect", OperationKind::kConnect},
    {"state", OperationKind::kState},
    {"messages", OperationKind::kMessages},
    {"publish", OperationKind::kPublish},
    {"delete", OperationKind::kDelete},
    {"moderate", OperationKind::kModerate},
    {"drain", OperationKind::kDrain},
    {"log", OperationKind::kLog},
    {"skip", OperationKind::kSkip},
    {"dead_letters", OperationKind::kDeadLetters},
    {"replay", OperationKind::kReplay},
    {"metrics", OperationKind::kMetrics},
}};

bool set_kind(std::string_view name, Operation& operation) {
  for (const KindName& known : kKindNames) {
    if (known.name != name) continue;
    operation.kind = known.kind;
    return true;
  }
  return false;
}

bool set_text(const JsonMember& member, std::string& out) {
  if (member.kind != JsonKind::kString) return false;
  out = json_unescape(member.value);
  return true;
}

bool set_number(const JsonMember& member, std::optional<uint64_t>& out) {
  out = json_integer(member.value);
  return out.has_value();
}

bool set_role(const JsonMember& member, Operation& operation) {
  std::string role;
  if (!set_text(member, role)) return false;
  operation.access = role == "moderator" ? Access::kModerate : Access::kRead;
  return role == "moderator" || role == "reader";
}

bool set_member(const JsonMember& member, Operation& operation) {
  if (member.key == "user") return set_text(member, operation.user);
  if (member.key == "epoch") return set_text(member, operation.epoch);
  if (member.key == "after") return set_number(member, operation.after);
  if (member.key == "before") return set_number(member, operation.before);
  if (member.key == "seq") return set_number(member, operation.seq);
  if (member.key == "limit") return set_number(member, operation.limit);
  if (member.key == "through") return set_number(member, operation.through);
  if (member.key == "expires") return set_number(member, operation.expires);
  if (member.key == "role") return set_role(member, operation);
  if (member.key == "request") return set_text(member, operation.names.request);
  if (member.key == "trace") return set_text(member, operation.names.trace);
  if (member.key == "records") {
    std::optional<uint64_t> records;
    if (!set_number(member, records)) return false;
    operation.records = *records;
  }
  return true;
}

}  // namespace

std::string_view operation_name(OperationKind kind) {
  return kKindNames[static_cast<size_t>(kind)].name;
}

std::optional<Operation> parse_operation(std::string_view json) {
  Operation operation;
  bool has_kind = false;
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "op") {
      std::string name;
      has_kind = set_text(member, name) && set_kind(name, operation);
      if (!has_kind) return std::nullopt;
    } else if (!set_member(member, operation)) {
      return std::nullopt;
    }
  }
  if (reader.fault() || !has_kind) return std::nullopt;
  if (operation.kind == OperationKind::kDelete && !operation.seq) return std::nullopt;
  return operation;
}

}  // namespace edgeroom
