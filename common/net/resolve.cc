#include "common/net/resolve.h"

#include <string>

namespace stillhouse {

namespace asio = boost::asio;
using asio::ip::tcp;

tcp::endpoint Resolve(asio::io_context& context, const HostPort& address,
                      boost::system::error_code& error) {
  const auto numeric = asio::ip::make_address(address.host, error);
  if (!error) return {numeric, address.port};
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(address.host, std::to_string(address.port), error);
  if (error) return {};
  if (found.empty()) {
    error = asio::error::host_not_found;
    return {};
  }
  return found.begin()->endpoint();
}

}  // namespace stillhouse
