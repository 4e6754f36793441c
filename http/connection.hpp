#pragma once
// One connection of a server: reads its one request, runs the handler, sends the response.

#include "http/server.hpp"
#include "transport/socket.hpp"

namespace cecollm::http {

/// Returns once the connection is done with; every wait ends early when `stop` becomes readable.
void serve_connection(const transport::Socket& socket, int stop, const Setting& setting);

/// Refuses a connection without reading from it, and without waiting for it.
void refuse_connection(const transport::Socket& socket, const Setting& setting, const Fault& fault);

}  // namespace cecollm::http
