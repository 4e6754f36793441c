#pragma once
// Any web page can make the browser of somebody on this machine send requests to loopback: with its
// address as their origin, or under a name of its own that leads here, and then it may read what
// comes back. A service on loopback that asks for no key tells such requests from others by this.

#include "http/message.hpp"

namespace cecollm::apps {

/// It names loopback, or nothing, as the host that it wants to speak to.
bool is_for_loopback(const http::Request& request);

/// It comes from a page of another origin than the host that it speaks to.
bool is_from_another_site(const http::Request& request);

}  // namespace cecollm::apps
