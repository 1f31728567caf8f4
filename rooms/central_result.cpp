#include "rooms/central_result.h"

#include <utility>

// No streams: they would bring half of libc++ into the module.
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

namespace edgeroom {

namespace {

// An answer is an object, its results an array in it, and each result an object in that.
constexpr unsigned kAnswerDepth = 1;
constexpr unsigned kResultsDepth = 2;
constexpr unsigned kResultDepth = 3;
// Nothing of an answer is nested more deeply; nothing that is will be followed.
constexpr unsigned kDepthMax = 8;
constexpr uint64_t kAnswerVersion = 1;

// Picks from an answer, as it is parsed, what the room needs of it. Members with other names or
// other types are passed over.
class AnswerSax {
 public:
  using Json = nlohmann::json;

  uint64_t version = 0;
  std::string room;
  std::string epoch;
  bool has_results = false;
  std::vector<RecordResult> results;

  // The interface of nlohmann::json_sax.
  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(Json::number_integer_t /*value*/) { return true; }
  bool number_float(Json::number_float_t /*value*/, const std::string& /*text*/) { return true; }
  bool binary(Json::binary_t& /*value*/) { return true; }

  bool number_unsigned(Json::number_unsigned_t value) {
    if (depth_ == kAnswerDepth && key_ == "v") version = value;
    if (in_result() && key_ == "seq") current_.seq = value;
    return true;
  }

  bool string(std::string& value) {
    if (depth_ == kAnswerDepth && key_ == "room") room = value;
    if (depth_ == kAnswerDepth && key_ == "epoch") epoch = value;
    if (in_result() && key_ == "status") set_status(value);
    if (in_result() && key_ == "code") current_.code = value;
    return true;
  }

  bool key(std::string& value) {
    key_ = value;
    return true;
  }

  bool start_object(std::size_t /*elements*/) {
    if (++depth_ == kResultDepth && in_results_) {
      current_ = {};
      has_status_ = false;
    }
    return depth_ <= kDepthMax;
  }

  bool end_object() {
    if (in_result() && has_status_ && current_.seq > 0) results.push_back(std::move(current_));
    depth_--;
    return true;
  }

  bool start_array(std::size_t /*elements*/) {
    if (++depth_ == kResultsDepth && key_ == "results") {
      in_results_ = true;
      has_results = true;
    }
    return depth_ <= kDepthMax;
  }

  bool end_array() {
    if (depth_-- == kResultsDepth) in_results_ = false;
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  [[nodiscard]] bool in_result() const { return in_results_ && depth_ == kResultDepth; }

  void set_status(std::string_view status) {
    has_status_ = true;
    if (status == "stored" || status == "duplicate") {
      current_.outcome = RecordOutcome::kStored;
    } else if (status == "rejected") {
      current_.outcome = RecordOutcome::kRejected;
    } else if (status == "retry") {
      current_.outcome = RecordOutcome::kRetry;
    } else {
      has_status_ = false;
    }
  }

  std::string key_;
  unsigned depth_ = 0;
  bool in_results_ = false;
  bool has_status_ = false;
  RecordResult current_;
};

}  // namespace

std::optional<std::vector<RecordResult>> parse_central_results(std::string_view body,
                                                               std::string_view room,
                                                               std::string_view epoch) {
  AnswerSax answer;
  if (!nlohmann::json::sax_parse(body, &answer)) return std::nullopt;
  if (answer.version != kAnswerVersion || answer.room != room || answer.epoch != epoch ||
      !answer.has_results) {
    return std::nullopt;
  }
  return std::move(answer.results);
}

bool is_central_refusal(std::string_view body) {
  AnswerSax answer;
  return nlohmann::json::sax_parse(body, &answer) && answer.version == kAnswerVersion;
}

}  // namespace edgeroom
