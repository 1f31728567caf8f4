// The exports of edge.wasm: worker/abi.h. One module instance serves one isolate.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/json_writer.h"
#include "worker/abi.h"
#include "worker/edge.h"
#include "worker/origin_headers.h"

namespace edgeroom {

namespace {

// The state of the module: one of each, made on first use and never destroyed.
struct Module {
  std::string input;
  std::unique_ptr<Edge> edge;
  std::string data;
  EdgeConfiguration configuration{};
  EdgeDecision decision{};
  EdgePassedHeaders passed{};
  std::vector<EdgeKvOperation> operations;
  EdgeOutput output{};

  [[nodiscard]] std::string_view payload(uint32_t size) const {
    return std::string_view(input).substr(0, size);
  }

  // Copies a text into the output.
  void put(std::string_view text, uint32_t& offset, uint32_t& size) {
    offset = static_cast<uint32_t>(data.size());
    size = static_cast<uint32_t>(text.size());
    if (!text.empty()) data.append(text);
  }

  // Tells where the records are. The data is complete: it moves no more.
  int32_t show(const void* records, size_t count);
};

Module& module() {
  static auto& instance = *new Module;
  return instance;
}

// The address of an object in linear memory. Native builds have wider ones and never ask.
uint32_t address_of(const void* pointer) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer));
}

int32_t Module::show(const void* records, size_t count) {
  output.records = address_of(records);
  output.data = address_of(data.data());
  output.count = static_cast<uint32_t>(count);
  return static_cast<int32_t>(count);
}

int32_t refused(EdgeStatus status) { return static_cast<int32_t>(status); }

void put_decision(Module& m, const Answer& answer) {
  EdgeDecision& decision = m.decision;
  decision.action = static_cast<uint32_t>(answer.action);
  decision.status = answer.status;
  m.put(answer.headers, decision.headers, decision.headers_size);
  m.put(answer.body, decision.body, decision.body_size);
  m.put(answer.room, decision.room, decision.room_size);
  m.put(answer.protocol, decision.protocol, decision.protocol_size);
  m.put(answer.log, decision.log, decision.log_size);
  decision.log_level = static_cast<uint32_t>(answer.log_level);
  decision.kv_due = answer.kv_due ? 1 : 0;
  m.put(answer.url, decision.url, decision.url_size);
  m.put(answer.cache_key, decision.cache_key, decision.cache_key_size);
  m.put(answer.onward, decision.onward, decision.onward_size);
  decision.timeout_ms = answer.timeout_ms;
  m.put(answer.request_id, decision.request_id, decision.request_id_size);
  m.put(answer.traceparent, decision.traceparent, decision.traceparent_size);
  m.put(answer.route, decision.route, decision.route_size);
  m.put(answer.policy, decision.policy, decision.policy_size);
}

void put_configuration(Module& m) {
  EdgeConfiguration& configuration = m.configuration;
  const EdgeSettings* settings = m.edge->settings();
  configuration.ready = settings != nullptr ? 1 : 0;
  std::string_view secret;
  std::string log;
  EdgeLogLevel level = EdgeLogLevel::kNone;
  if (settings == nullptr) {
    level = EdgeLogLevel::kError;
    JsonObjectWriter object(log);
    object.string("event", "misconfigured");
    object.string("detail", m.edge->settings_error());
    object.close();
  } else if (settings->shared_secret.empty()) {
    level = EdgeLogLevel::kWarn;
    JsonObjectWriter object(log);
    object.string("event", "rate_limits_not_shared");
    object.string("detail", "no secret to hash clients with: each isolate limits on its own");
    object.close();
  } else {
    secret = settings->shared_secret;
  }
  m.put(secret, configuration.secret, configuration.secret_size);
  m.put(log, configuration.log, configuration.log_size);
  m.put(settings ? settings->room_location : std::string_view(), configuration.location,
        configuration.location_size);
  m.put(settings ? settings->room_jurisdiction : std::string_view(), configuration.jurisdiction,
        configuration.jurisdiction_size);
  configuration.log_level = static_cast<uint32_t>(level);
  // LogThreshold counts from kDebug, EdgeLogLevel has kNone before it.
  const LogThreshold threshold = settings ? settings->log_level : LogThreshold::kInfo;
  configuration.log_threshold = static_cast<uint32_t>(threshold) + 1;
}

void put_operations(Module& m, const std::vector<KvOperation>& operations) {
  m.operations.clear();
  for (const KvOperation& operation : operations) {
    EdgeKvOperation& record = m.operations.emplace_back();
    record.type = static_cast<uint32_t>(operation.type);
    record.id = operation.id;
    m.put(operation.name, record.name, record.name_size);
    m.put(operation.value, record.value, record.value_size);
    record.ttl_s = operation.ttl_s;
  }
}

}  // namespace

}  // namespace edgeroom

using edgeroom::EdgeStatus;
using edgeroom::module;
using edgeroom::Module;
using edgeroom::refused;

extern "C" {

uint32_t edge_abi_version() { return edgeroom::kEdgeAbiVersion; }

// The address of a buffer of at least `size` bytes, valid until the next call of edge_input; 0 when
// `size` is above three times kEdgeInputBytesMax.
uint32_t edge_input(uint32_t size) {
  if (size > 3 * edgeroom::kEdgeInputBytesMax) return 0;
  std::string& input = module().input;
  if (input.size() < size) input.resize(size);
  return edgeroom::address_of(input.data());
}

uint32_t edge_output() { return edgeroom::address_of(&module().output); }

// Takes over the settings, and forgets everything of any earlier ones.
int32_t edge_configure(uint32_t size, uint32_t seed_low, uint32_t seed_high) {
  Module& m = module();
  if (size > m.input.size()) return refused(EdgeStatus::kBadInput);
  const uint64_t seed = seed_low | (static_cast<uint64_t>(seed_high) << 32U);
  m.edge = std::make_unique<edgeroom::Edge>(m.payload(size), seed);
  m.data.clear();
  edgeroom::put_configuration(m);
  return m.show(&m.configuration, 1);
}

int32_t edge_request(uint32_t size, double now_ms) {
  Module& m = module();
  if (m.edge == nullptr) return refused(EdgeStatus::kNotConfigured);
  if (size > m.input.size()) return refused(EdgeStatus::kBadInput);
  const auto request = edgeroom::split_request(m.payload(size));
  if (!request) return refused(EdgeStatus::kBadInput);
#ifdef EDGEROOM_TEST_HOOKS
  // Builds for tests trap on demand, as a program error would.
  CHECK(request->url.find("test-trap") == std::string_view::npos);
#endif
  m.data.clear();
  edgeroom::put_decision(m, m.edge->handle(*request, now_ms));
  return m.show(&m.decision, 1);
}

// Which headers of a request or an answer go on: EdgeHeaderSet.
int32_t edge_pass_headers(uint32_t set, uint32_t status, uint32_t size) {
  Module& m = module();
  const auto first = static_cast<uint32_t>(edgeroom::EdgeHeaderSet::kApiRequest);
  const auto last = static_cast<uint32_t>(edgeroom::EdgeHeaderSet::kAssetAnswer);
  if (size > m.input.size() || set < first || set > last) return refused(EdgeStatus::kBadInput);
  const auto passed =
      edgeroom::pass_headers(static_cast<edgeroom::EdgeHeaderSet>(set), status, m.payload(size));
  m.data.clear();
  m.put(passed.headers, m.passed.headers, m.passed.headers_size);
  m.passed.status = passed.status;
  m.put(passed.body, m.passed.body, m.passed.body_size);
  m.passed.cacheable = passed.is_cacheable ? 1 : 0;
  return m.show(&m.passed, 1);
}

int32_t edge_kv_plan(double now_ms) {
  Module& m = module();
  if (m.edge == nullptr || m.edge->limiter() == nullptr) {
    return refused(EdgeStatus::kNotConfigured);
  }
  m.data.clear();
  edgeroom::put_operations(m, m.edge->limiter()->kv_plan(now_ms));
  return m.show(m.operations.data(), m.operations.size());
}

// `outcome` is an EdgeKvOutcome; for kDone of kHash and kGet `size` bytes of the input are the
// result.
int32_t edge_kv_result(uint32_t operation, uint32_t outcome, uint32_t size, double now_ms) {
  Module& m = module();
  if (m.edge == nullptr || m.edge->limiter() == nullptr) {
    return refused(EdgeStatus::kNotConfigured);
  }
  constexpr auto kLast = static_cast<uint32_t>(edgeroom::KvOutcome::kFailed);
  if (size > m.input.size() || outcome > kLast) return refused(EdgeStatus::kBadInput);
  const auto kind = static_cast<edgeroom::KvOutcome>(outcome);
  const bool known = m.edge->limiter()->kv_result(operation, kind, m.payload(size), now_ms);
  return known ? 0 : refused(EdgeStatus::kUnknownOperation);
}

}  // extern "C"
