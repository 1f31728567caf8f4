// Kinds of rooms for tests. They are made here and known only as Behaviour, because a class that is
// derived from one of the core's must be compiled as the core is.
#pragma once

#include <memory>
#include <string>

#include "rooms/behaviour.h"

namespace edgeroom::test {

// A kind of room that uses all that a behaviour can do. Its state is a chain over every record, how
// many there were, and a deadline.
//
//   message "no"                        refused
//   message "shout"                     becomes "SHOUT"
//   message {"wake_in":N}               on_timer is called N ms after it, and publishes "time"
//   message {"nag_from":N}              the same, but it only tells everybody, and comes again
//   event   no                          refused
//   event   shout                       its content becomes "LOUD"
//   event   ask                         tells its sender how many records there were
//   event   say                         publishes "said"
//   event   bell                        tells everybody and then its sender, and nobody of the
//   event join                                is told how many records there were; the user
//   "herald" is
//                                       announced to everybody, and by a message "hark"
//   a turn with records                 ends with how many there were, to everybody
//
// `name` is the kind's.
std::unique_ptr<Behaviour> make_clerk(const std::string& name = "clerk");

// A kind of room without a state that publishes a message every second.
std::unique_ptr<Behaviour> make_clock();

}  // namespace edgeroom::test
