#include "rooms/frame_builder.h"

#include <utility>

#include "base/check.h"

namespace edgeroom {

std::string& FrameBuilder::begin_object() {
  if (frames_.empty()) frames_.emplace_back("[");
  std::string& frame = frames_.back();
  if (frame.size() > 1) frame.push_back(',');
  object_start_ = frame.size();
  return frame;
}

void FrameBuilder::end_object() {
  std::string& frame = frames_.back();
  CHECK(frame.size() > object_start_);
  bytes_ += frame.size() - object_start_;
  if (frame.size() + 1 > frame_bytes_max_ && object_start_ > 1) {
    std::string next = "[" + frame.substr(object_start_);
    frame.resize(object_start_ - 1);  // without the comma
    frames_.push_back(std::move(next));
  }
}

std::vector<std::string> FrameBuilder::take() {
  for (std::string& frame : frames_) frame.push_back(']');
  bytes_ = 0;
  return std::exchange(frames_, {});
}

}  // namespace edgeroom
