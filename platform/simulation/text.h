// Addresses as text, for the World's users and for the trace. For platform/simulation/ only.
#pragma once

#include <string>
#include <string_view>

#include "platform/endpoint.h"

namespace simulation {

// Family::none when it is no literal. Knows no zones: "fe80::1%2" is none.
platform::Endpoint parse_address(std::string_view text);

std::string host_text(const platform::Endpoint&);  // "10.0.0.1", "fd00::1", "/tmp/a".
std::string full_text(const platform::Endpoint&);  // "10.0.0.1:80", "[fd00::1]:80".

}  // namespace simulation
