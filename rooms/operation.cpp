#include "rooms/operation.h"

#include "base/json_scanner.h"

namespace edgeroom {

namespace {

bool set_kind(std::string_view name, Operation& operation) {
  if (name == "connect") {
    operation.kind = OperationKind::kConnect;
  } else if (name == "state") {
    operation.kind = OperationKind::kState;
  } else if (name == "messages") {
    operation.kind = OperationKind::kMessages;
  } else if (name == "publish") {
    operation.kind = OperationKind::kPublish;
  } else if (name == "delete") {
    operation.kind = OperationKind::kDelete;
  } else {
    return false;
  }
  return true;
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

bool set_member(const JsonMember& member, Operation& operation) {
  if (member.key == "user") return set_text(member, operation.user);
  if (member.key == "epoch") return set_text(member, operation.epoch);
  if (member.key == "after") return set_number(member, operation.after);
  if (member.key == "before") return set_number(member, operation.before);
  if (member.key == "seq") return set_number(member, operation.seq);
  if (member.key == "limit") return set_number(member, operation.limit);
  return true;
}

}  // namespace

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
