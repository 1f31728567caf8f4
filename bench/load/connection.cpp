#include "bench/load/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/load/handshake.h"

namespace edgeroom::load {
namespace {

// One read takes at most this, so that one busy connection does not keep the others waiting.
constexpr size_t kReadBytes = size_t{256} << 10;

constexpr uint64_t kKeySeed = 0x9E3779B97F4A7C15U;

std::array<char, kReadBytes>& read_buffer() {
  static std::array<char, kReadBytes> buffer;
  return buffer;
}

}  // namespace

Connection::Connection(ConnectionContext& context, uint32_t index, uint32_t room)
    : context_(&context), index_(index), room_(room), mask_(index * 2654435761U + 1) {}

Connection::~Connection() {
  if (socket_ >= 0) drop(socket_);
}

void Connection::open(std::string_view target) {
  abandon();
  fault_.clear();
  head_.clear();
  decoder_ = Decoder();
  inflater_.reset();
  socket_ = connect_to(context_->port);
  if (socket_ < 0) {
    fault_ = std::string("cannot connect: ") + std::strerror(errno);
    return;
  }
  state_ = ConnectionState::kConnecting;
  key_ = handshake_key(kKeySeed ^ index_);
  out_ = handshake_request("127.0.0.1:" + std::to_string(context_->port), target, key_,
                           context_->offers_deflate);
  waits_to_write_ = true;
  context_->poller.add(socket_, index_, true);
}

void Connection::abandon() {
  if (socket_ >= 0) drop(std::exchange(socket_, -1));
  state_ = ConnectionState::kClosed;
  out_.clear();
  written_ = 0;
  waits_to_write_ = false;
}

void Connection::close_for(std::string_view fault) {
  fault_ = fault;
  abandon();
}

void Connection::send_text(std::string_view text) { write_frame(Opcode::kText, text); }

void Connection::write_frame(Opcode opcode, std::string_view payload) {
  if (state_ < ConnectionState::kGreeting) return;
  mask_ = mask_ * 1664525U + 1013904223U;
  if (inflater_ != nullptr && opcode == Opcode::kText) {
    append_frame(out_, opcode, context_->deflater.deflate_message(payload), mask_, true);
  } else {
    append_frame(out_, opcode, payload, mask_);
  }
  if (!waits_to_write_) flush();
}

void Connection::flush() {
  while (written_ < out_.size()) {
    const ssize_t count =
        send(socket_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        close_for(std::string("cannot write: ") + std::strerror(errno));
        return;
      }
      if (!std::exchange(waits_to_write_, true)) context_->poller.change(socket_, index_, true);
      return;
    }
    written_ += static_cast<size_t>(count);
  }
  out_.clear();
  written_ = 0;
  if (std::exchange(waits_to_write_, false)) context_->poller.change(socket_, index_, false);
}

void Connection::on_event(uint32_t events) {
  if (state_ == ConnectionState::kClosed) return;
  if (state_ == ConnectionState::kConnecting) {
    if (const int fault = connect_fault(socket_); fault != 0) {
      close_for(std::string("cannot connect: ") + std::strerror(fault));
      return;
    }
    state_ = ConnectionState::kUpgrading;
  }
  if ((events & EPOLLOUT) != 0) flush();
  if (state_ != ConnectionState::kClosed && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
    read();
  }
}

void Connection::read() {
  auto& buffer = read_buffer();
  const ssize_t count = recv(socket_, buffer.data(), buffer.size(), 0);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      close_for(std::string("cannot read: ") + std::strerror(errno));
    }
    return;
  }
  if (count == 0) {
    close_for("the server has closed the connection");
    return;
  }
  const uint64_t at_ns = now_ns();
  const std::string_view bytes(buffer.data(), static_cast<size_t>(count));
  context_->bytes_read += bytes.size();
  if (state_ == ConnectionState::kUpgrading) {
    upgrade(bytes, at_ns);
  } else {
    read_frames(bytes, at_ns);
  }
}

void Connection::upgrade(std::string_view bytes, uint64_t at_ns) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  head_.append(bytes);
  const size_t at = head_.find(kEnd);
  if (at == std::string::npos) return;
  const auto answer = read_handshake(std::string_view(head_).substr(0, at + kEnd.size()), key_);
  if (!answer.fault.empty()) {
    close_for(answer.fault);
    return;
  }
  if (answer.deflate) inflater_ = std::make_unique<Inflater>(answer.fresh_context);
  state_ = joins_at_once(context_->dialect) ? ConnectionState::kJoined : ConnectionState::kGreeting;
  const std::string rest = head_.substr(at + kEnd.size());
  head_ = std::string();
  read_frames(rest, at_ns);
}

void Connection::read_frames(std::string_view bytes, uint64_t at_ns) {
  decoder_.feed(bytes);
  Message message;
  while (state_ != ConnectionState::kClosed && decoder_.next(message)) on_message(message, at_ns);
  if (!decoder_.fault().empty()) close_for(decoder_.fault());
}

void Connection::on_message(const Message& message, uint64_t at_ns) {
  context_->frames_read++;
  std::string_view payload = message.payload;
  switch (message.opcode) {
    case Opcode::kPing: write_frame(Opcode::kPong, payload); return;
    case Opcode::kClose: {
      const unsigned code = payload.size() < 2 ? 1005U
                                               : static_cast<unsigned char>(payload[0]) << 8U |
                                                     static_cast<unsigned char>(payload[1]);
      close_for("the server has closed with " + std::to_string(code));
      return;
    }
    case Opcode::kPong: return;
    default: break;
  }
  if (message.compressed) {
    bool failed = inflater_ == nullptr;
    if (!failed) payload = inflater_->inflate_message(payload, failed);
    if (failed) {
      close_for("a message cannot be decompressed");
      return;
    }
  }
  on_text(payload, at_ns);
}

void Connection::on_text(std::string_view text, uint64_t at_ns) {
  if (const auto answer = heartbeat_answer(context_->dialect, text); !answer.empty()) {
    send_text(answer);
    return;
  }
  if (state_ == ConnectionState::kGreeting) {
    const Greeting greeting = greet(context_->dialect, text);
    if (!greeting.answer.empty()) send_text(greeting.answer);
    if (!greeting.joined) return;
    state_ = ConnectionState::kJoined;
  }
  if (context_->listener != nullptr) context_->listener->on_text(*this, text, at_ns);
}

}  // namespace edgeroom::load
