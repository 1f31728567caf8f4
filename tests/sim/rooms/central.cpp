#include "tests/sim/rooms/central.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/json_scanner.h"
#include "rooms/limits.h"

namespace edgeroom::roomsim {

namespace {

constexpr uint32_t kOk = 200;
constexpr uint32_t kBadRequest = 400;
constexpr uint32_t kForbidden = 403;
constexpr uint32_t kTooLarge = 413;
constexpr uint32_t kThrottled = 429;
constexpr uint32_t kServerError = 500;
constexpr uint32_t kUnavailable = 503;

// The clock by which signatures are judged begins at some time from here on (15 January 2027,
// 07:00).
constexpr double kClockFromMs = 1'799'996'400'000;
constexpr double kSignatureAgeMaxMs = 300'000;

constexpr std::string_view kNoHeaders = "\n\n";

std::string with_body(std::string_view body) { return std::string(kNoHeaders) + std::string(body); }

// The value of a parameter of a query; nothing when it is not there.
std::optional<uint64_t> parameter(const std::string& path, const std::string& name) {
  const size_t at = path.find("&" + name + "=");
  if (at == std::string::npos) return std::nullopt;
  const size_t start = at + name.size() + 2;
  return json_integer(path.substr(start, path.find('&', start) - start));
}

}  // namespace

Central::Central(test::Dice& dice, Model& model, Tally& tally, Schedule& schedule, Answer answer)
    : dice_(dice),
      model_(model),
      tally_(tally),
      schedule_(schedule),
      answer_(std::move(answer)),
      fails_in_(dice.between(1, 8)),
      poison_in_(dice.one_in(3) ? dice.between(1, dice.one_in(4) ? 2 : 30) : 0),
      claims_conflicts_(dice.one_in(8)),
      refuses_whole_(dice.one_in(3)) {
  if (dice.one_in(5)) records_max_ = dice.between(1, 8);
  if (dice.one_in(6)) clock_ms_ = kClockFromMs + static_cast<double>(dice_.below(7'200'000));
}

void Central::change_mood() { fails_in_ = dice_.one_in(2) ? 50 : dice_.between(1, 6); }

void Central::heal() {
  is_healthy_ = true;
  poison_in_ = 0;
}

double Central::way_ms() { return static_cast<double>(dice_.between(1, 80)); }

void Central::ask(const CentralRequest& request) {
  if (request.is_read) {
    get(request);
  } else {
    post(request);
  }
}

void Central::answer_later(double delay_ms, const CentralRequest& request, uint32_t status,
                           std::string payload) {
  answer_later(delay_ms, request, status, std::move(payload), Results());
}

void Central::answer_later(double delay_ms, const CentralRequest& request, uint32_t status,
                           std::string payload, Results results) {
  schedule_.add(delay_ms, [this, request, status, payload = std::move(payload),
                           results = std::move(results)] {
    for (const uint64_t seq : results.refused) model_.central_refused(seq);
    if (results.has_stored) model_.stored_told(results.epoch, results.has_conflict);
    if (results.has_conflict) model_.conflict_told();
    answer_(request, status, payload);
  });
}

void Central::check_batch(const Object& batch, const std::string& body) const {
  const std::vector<Object> records = batch.objects("records");
  const bool is_small = records.size() <= kBatchRecordsMax && body.size() <= kBatchBytesMax;
  if (!is_small || records.empty()) throw Violation("a batch larger than it may be, or empty");
  uint64_t before = 0;
  for (const Object& record : records) {
    if (record.number("seq") <= before) throw Violation("a batch that is not in order: " + body);
    before = record.number("seq");
  }
}

bool Central::is_too_old(const CentralRequest& request) const {
  if (clock_ms_ == 0) return false;
  return std::abs(clock_ms_ + schedule_.now_ms() - request.signed_ms) > kSignatureAgeMaxMs;
}

// By its own clock, as a header has it.
std::string Central::date() const {
  const auto seconds = static_cast<time_t>((clock_ms_ + schedule_.now_ms()) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

bool Central::is_too_large(const CentralRequest& request) const {
  if (is_healthy_) return false;
  return Object(request.text).objects("records").size() > records_max_;
}

bool Central::is_refused_whole(const CentralRequest& request) const {
  if (!refuses_again_ || !refuses_whole_) return false;
  const std::vector<Object> records = Object(request.text).objects("records");
  return std::any_of(records.begin(), records.end(),
                     [this](const Object& record) { return is_poison(record); });
}

void Central::post(const CentralRequest& request) {
  check_batch(Object(request.text), request.text);
  if (is_too_old(request)) {
    tally_.count(Fault::kOldSignature);
    answer_later(way_ms(), request, kForbidden, "\n" + date() + "\n");
  } else if (is_refused_whole(request)) {
    refuse_batch(request, dice_.one_in(2) ? kTooLarge : kBadRequest);
  } else if (is_too_large(request)) {
    tally_.count(Fault::kTooLarge);
    refuse_batch(request, kTooLarge);
  } else if (!is_healthy_ && dice_.one_in(fails_in_)) {
    post_badly(request);
  } else {
    store_and_answer(request, 0, 0);
  }
}

void Central::store_and_answer(const CentralRequest& request, uint64_t retried_in,
                               uint64_t left_out_in) {
  schedule_.add(way_ms(), [=, this] {
    Results results = store(request, retried_in, left_out_in);
    const std::string payload = with_body(results.body);
    answer_later(way_ms(), request, kOk, payload, std::move(results));
  });
}

void Central::post_badly(const CentralRequest& request) {
  const auto store_later = [this, &request](double delay_ms) {
    schedule_.add(delay_ms, [this, request] { store(request, 0, 0); });
  };
  switch (dice_.below(9)) {
    case 0:
      tally_.count(Fault::kRequestLost);
      answer_later(request.timeout_ms, request, 0, std::string(kNoHeaders));
      return;
    case 1:
      tally_.count(Fault::kAnswerLost);
      store_later(way_ms());
      answer_later(dice_.one_in(2) ? way_ms() : request.timeout_ms, request, 0,
                   std::string(kNoHeaders));
      return;
    case 2:
      tally_.count(Fault::kRequestLate);
      answer_later(request.timeout_ms, request, 0, std::string(kNoHeaders));
      store_later(request.timeout_ms + static_cast<double>(dice_.below(60'000)));
      return;
    case 3:
      tally_.count(Fault::kRequestDoubled);
      store_later(way_ms() * static_cast<double>(dice_.between(1, 100)));
      store_and_answer(request, 0, 0);
      return;
    case 4:
      tally_.count(Fault::kPartial);
      store_and_answer(request, 0, 2);
      return;
    case 5:
      tally_.count(Fault::kRecordsRetried);
      store_and_answer(request, dice_.between(1, 3), 0);
      return;
    case 6: answer_garbled(request); return;
    default: refuse(request); return;
  }
}

// The outcome is unknown to the room: some of it may have been stored.
void Central::answer_garbled(const CentralRequest& request) {
  if (dice_.one_in(2)) {
    schedule_.add(way_ms(), [this, request] { store(request, 2, 0); });
  }
  std::string body;
  if (dice_.one_in(3)) {
    tally_.count(Fault::kOtherEpoch);
    body = R"({"v":1,"room":"lobby","epoch":"01ARZ3NDEKTSV4RRFFQ69G5FAV","results":[)";
    bool is_first = true;
    for (const Object& record : Object(request.text).objects("records")) {
      if (!std::exchange(is_first, false)) body += ',';
      body += "{\"seq\":" + std::string(record.raw("seq")) + ",\"status\":\"stored\"}";
    }
    body += "]}";
  } else {
    tally_.count(Fault::kMalformed);
    const std::string whole = R"({"v":1,"room":"lobby","epoch":")" + model_.epoch() +
                              R"(","results":[{"seq":1,"status":"stored"}]})";
    body = dice_.one_in(2) ? whole.substr(0, dice_.index(whole.size() - 1)) : "<html>sorry</html>";
  }
  answer_later(way_ms(), request, kOk, with_body(body));
}

void Central::refuse_batch(const CentralRequest& request, uint32_t status) {
  const std::vector<Object> records = Object(request.text).objects("records");
  Results results;
  if (records.size() == 1) results.refused.push_back(records.front().number("seq"));
  answer_later(way_ms(), request, status, with_body(R"({"v":1,"error":{"code":"BAD_BATCH"}})"),
               std::move(results));
}

void Central::refuse(const CentralRequest& request) {
  switch (dice_.below(6)) {
    case 0:
      tally_.count(Fault::kThrottled);
      answer_later(way_ms(), request, kThrottled,
                   std::to_string(dice_.below(400)) + "\n\n{\"message\":\"slow down\"}");
      return;
    case 1:
      tally_.count(Fault::kThrottled);
      answer_later(way_ms(), request, kUnavailable,
                   dice_.one_in(2)
                       ? "Fri, 15 Jan 2027 08:10:00 GMT\nFri, 15 Jan 2027 08:09:30 GMT\n"
                       : "Fri, 15 Jan 2027 08:00:00 GMT\nFri, 15 Jan 2027 07:59:00 GMT\n");
      return;
    case 2:
      tally_.count(Fault::kForbidden);
      answer_later(way_ms(), request, kForbidden, with_body("{\"message\":\"Forbidden\"}"));
      return;
    case 3:
      tally_.count(Fault::kBadBatch);
      refuse_batch(request, kBadRequest);
      return;
    case 4:
      tally_.count(Fault::kForeignRefusal);
      answer_later(way_ms(), request, kBadRequest, with_body("<html>proxy</html>"));
      return;
    default:
      tally_.count(Fault::kServerError);
      if (dice_.one_in(2)) {
        schedule_.add(way_ms(), [this, request] { store(request, 2, 0); });
      }
      answer_later(way_ms(), request, kServerError, with_body("oops"));
      return;
  }
}

bool Central::is_poison(const Object& record) const {
  if (refuses_again_ && model_.is_refused(record.number("seq"))) return true;
  if (poison_in_ == 0 || record.has("deleted")) return false;
  if (!record.has("content")) return record.number("seq") % poison_in_ == 0;
  return number_of(record.raw("content")) % poison_in_ == 0;
}

Central::Results Central::store(const CentralRequest& request, uint64_t retried_in,
                                uint64_t left_out_in) {
  const Object batch(request.text);
  Results results;
  results.epoch = batch.text("epoch");
  results.body =
      R"({"v":1,"room":"lobby","epoch":)" + std::string(batch.raw("epoch")) + ",\"results\":[";
  bool is_first = true;
  for (const Object& record : batch.objects("records")) {
    const uint64_t seq = record.number("seq");
    std::string status = "\"stored\"";
    bool is_stored = false;
    bool is_conflict = false;
    if (is_poison(record) && model_.lost().count(seq) == 0) {
      tally_.count(Fault::kRecordRejected);
      results.refused.push_back(seq);
      status = dice_.one_in(2) ? R"("rejected","code":"BAD_RECORD")"
                               : R"("rejected","code":"BAD_CONTENT")";
    } else if (retried_in > 0 && dice_.one_in(retried_in)) {
      status = R"("retry","code":"THROTTLED")";
    } else {
      const Model::Got got = model_.central_got(record, batch.text("epoch"), request.generation);
      const bool is_claimed = claims_conflicts_ && !is_healthy_ && dice_.one_in(60);
      if (got == Model::Got::kKnown) status = "\"duplicate\"";
      if (got == Model::Got::kConflict || is_claimed) {
        tally_.count(is_claimed ? Fault::kFalseConflict : Fault::kConflict);
        status = R"("rejected","code":"CONFLICT")";
      }
      is_stored = got != Model::Got::kConflict && !is_claimed;
      is_conflict = !is_stored;
    }
    if (left_out_in > 0 && dice_.one_in(left_out_in)) {
      if (!results.refused.empty() && results.refused.back() == seq) results.refused.pop_back();
      continue;
    }
    results.has_stored = results.has_stored || is_stored;
    results.has_conflict = results.has_conflict || is_conflict;
    if (!std::exchange(is_first, false)) results.body += ',';
    results.body += "{\"seq\":" + std::to_string(seq) + ",\"status\":" + status + "}";
  }
  results.body += "]}";
  return results;
}

void Central::get(const CentralRequest& request) {
  if (!is_healthy_ && dice_.one_in(std::max<uint64_t>(fails_in_, 2))) {
    switch (dice_.below(3)) {
      case 0:
        tally_.count(Fault::kReadLost);
        answer_later(request.timeout_ms, request, 0, {});
        return;
      case 1:
        tally_.count(Fault::kReadFailed);
        answer_later(way_ms(), request, kServerError, "oops");
        return;
      default:
        tally_.count(Fault::kReadMalformed);
        answer_later(way_ms(), request, kOk, dice_.one_in(2) ? "{\"messages\":[{" : "[]");
        return;
    }
  }
  schedule_.add(way_ms(),
                [this, request] { answer_later(way_ms(), request, kOk, page(request.text)); });
}

void Central::append_message(std::string& out, uint64_t seq, const Stored& stored) const {
  out += "{\"seq\":" + std::to_string(seq) + ",\"ts\":" + std::to_string(stored.ts) +
         ",\"user\":\"" + stored.user + "\"";
  if (model_.is_central_deleted(seq) || stored.content.empty()) {
    out += ",\"deleted\":true,\"by\":\"moderator\"}";
    return;
  }
  if (!stored.id.empty()) out += ",\"id\":\"" + stored.id + "\"";
  out += ",\"content\":" + stored.content + "}";
}

std::string Central::page(const std::string& path) {
  const auto after = parameter(path, "after");
  const auto before = parameter(path, "before");
  // A page may have less than was asked for, and say that there is more.
  const auto limit_asked = static_cast<size_t>(parameter(path, "limit").value_or(50));
  const size_t limit = dice_.one_in(4) ? dice_.between(1, limit_asked) : limit_asked;
  const size_t epoch_at = path.find("epoch=") + 6;
  const std::string epoch = path.substr(epoch_at, path.find('&', epoch_at) - epoch_at);
  const auto is_asked = [&](uint64_t seq) {
    return seq > after.value_or(0) && seq < before.value_or(UINT64_MAX);
  };
  const bool is_now = epoch == model_.epoch();
  std::map<uint64_t, const Stored*> found;
  for (const auto& [seq, stored] : is_now ? model_.lost() : model_.lost_before()) {
    if (is_asked(seq) && stored.kind == RecordKind::kMessage) found[seq] = &stored;
  }
  if (is_now) {
    const auto& messages = model_.messages();
    auto seq = std::upper_bound(messages.begin(), messages.end(), after.value_or(0));
    for (; seq != messages.end() && is_asked(*seq); ++seq) {
      if (model_.is_central(*seq)) found[*seq] = &model_.at(*seq);
    }
  }
  const bool more = found.size() > limit;
  while (found.size() > limit) found.erase(after ? std::prev(found.end()) : found.begin());
  std::string out = R"({"room":"lobby","epoch":")" + epoch + "\",\"messages\":[";
  const size_t empty_size = out.size();
  for (const auto& [seq, stored] : found) {
    if (out.size() > empty_size) out += ',';
    append_message(out, seq, *stored);
  }
  return out + (more ? "],\"more\":true}" : "],\"more\":false}");
}

}  // namespace edgeroom::roomsim
