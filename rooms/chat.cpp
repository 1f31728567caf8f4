// The kind of room that ships: people talk. Every message is taken as it came, and there is no
// state beside the log.

#include "rooms/behaviour.h"

namespace edgeroom {

namespace {

class Chat final : public Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "chat"; }
};

}  // namespace

Result<std::unique_ptr<Behaviour>> make_behaviour(const SettingMap& /*settings*/) {
  return std::unique_ptr<Behaviour>(std::make_unique<Chat>());
}

}  // namespace edgeroom
