#pragma once

#include <utility>

#include <boost/asio/ip/tcp.hpp>

#include "common/net/tcp_transport.h"

namespace stillhouse {

/// The first endpoint of an address; names go through the system's resolver, which may block.
/// Sets `error` when there is none. Internal to common/net.
boost::asio::ip::tcp::endpoint Resolve(boost::asio::io_context& context, const HostPort& address,
                                       boost::system::error_code& error);

}  // namespace stillhouse
