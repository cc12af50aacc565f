// The rules of semantics.md: what is refused, in which order of checks, and what else may fail.
#include "tests/simulation/swarm/model.h"

#include <algorithm>

namespace swarm {

namespace {

constexpr const char* not_running = "Not running";

std::string bad_port(std::int32_t port, bool zero) {
    return std::string("Port should be ") + (zero ? ">=" : ">") + " 0 and < 65536. Received " +
           std::to_string(port) + ".";
}

bool blocks(bool list, const net::Address& address) {
    return list && address.unmapped().host() == host_text(0, false);
}

// What the stack of the socket's own host has to say of a peer.
void expect_route(const Plan& plan, const Socket& socket, const net::Address& to,
                  const std::string& call, Request& request) {
    const auto may = [&](const char* code) {
        request.failures.push_back(call + " " + code + " " + written(to));
    };
    const bool mapped = to.is_mapped();
    if (mapped && socket.plan.ipv6_only) {
        request.may_succeed = false;
        may("ENETUNREACH");
    }
    if (to.host() == "255.255.255.255") may("EACCES");
    const net::Address& local = socket.local;
    const bool chosen = local.port != 0 && !local.is_unspecified();
    const bool off = !is_of_host(to, socket.host);
    if (chosen || socket.has_untold(Request::Kind::bind) ||
        socket.has_untold(Request::Kind::connect)) {
        if (off || mapped) may("EINVAL");
    }
    if (changes_world(plan) || to.is_multicast()) may("ENETUNREACH");
    if (changes_world(plan)) may("EINVAL");  // Its own address is then none of the host's.
}

// True when no system is asked.
bool expect_refusal(const Socket& socket, const net::Address& to, const std::string& call,
                    Request& request) {
    if (to.family != socket.family()) {
        request.failures.push_back(call + " EINVAL " + written(to));
    } else if (blocks(socket.plan.send_list, to)) {
        request.failures.push_back("IP(" + to.host() + ") is blocked by net.BlockList");
    } else {
        return false;
    }
    request.may_succeed = false;
    return true;
}

}  // namespace

void expect_look_up(const Socket& socket, const Place& place, Request& request) {
    if (!place.name) return;
    for (const std::string& code : place.codes) {
        request.failures.push_back("getaddrinfo " + code + " " + place.text);
    }
    if (!place.answers) request.may_succeed = false;
    if (socket.plan.names != Names::dropped) return;
    request.failures.push_back("getaddrinfo ECANCELED " + place.text);
    request.may_succeed = false;
}

bool changes_world(const Plan& plan) {
    return std::any_of(plan.operations.begin(), plan.operations.end(),
                       [](const Operation& each) { return each.what == Do::world; });
}

bool matches(const std::string& pattern, const std::string& text) {
    const std::size_t star = pattern.find('*');
    if (star == std::string::npos) return pattern == text;
    const std::string tail = pattern.substr(star + 1);
    return text.size() + 1 >= pattern.size() && text.compare(0, star, pattern, 0, star) == 0 &&
           text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

bool fails_itself_with(const Request& request, const std::string& text) {
    return std::any_of(request.failures.begin(), request.failures.end(),
                       [&](const std::string& pattern) { return matches(pattern, text); });
}

bool may_fail_with(const Request& request, const std::string& text) {
    if (fails_itself_with(request, text)) return true;
    return std::any_of(request.relies.begin(), request.relies.end(), [&](const Request* step) {
        return !step->is_refusal(text) && may_fail_with(*step, text);
    });
}

bool Socket::has_untold(Request::Kind kind) const {
    return std::any_of(requests.begin(), requests.end(), [&](const Request& each) {
        return each.kind == kind && each.may_pass && !each.told && !each.dropped &&
               !each.excused && !each.event_told && !each.spent;
    });
}

namespace {

// A step that can fail may have done so, and not have said it yet.
bool may_have_failed(const Socket& socket) {
    const auto may_fail = [](const Request* each) { return !each->failures.empty(); };
    return std::any_of(socket.requests.begin(), socket.requests.end(), [&](const Request& each) {
        const bool step = each.kind == Request::Kind::bind || each.kind == Request::Kind::connect;
        return step && !each.told && !each.dropped &&
               (each.maybe || may_fail(&each) ||
                std::any_of(each.relies.begin(), each.relies.end(), may_fail));
    });
}

}  // namespace

Steps binding_of(const Socket& socket) {
    Steps steps;
    if (socket.object->address()) {
        steps.done = true;
    } else if (socket.has_untold(Request::Kind::bind)) {
        steps.asked = true;
        steps.none = may_have_failed(socket);
    } else {
        steps.none = true;
    }
    return steps;
}

Steps connection_of(const Socket& socket) {
    Steps steps;
    if (socket.object->remote_address()) {
        steps.done = true;
    } else if (socket.has_untold(Request::Kind::connect)) {
        steps.asked = true;
        steps.none = may_have_failed(socket);
    } else {
        // An 'error' that seemed to speak for a connect may not have.
        steps.asked = std::any_of(
            socket.requests.begin(), socket.requests.end(), [](const Request& each) {
                return each.kind == Request::Kind::connect && each.excused && each.may_pass &&
                       !each.told && !each.dropped && !each.event_told && !each.spent;
            });
        steps.none = true;
    }
    return steps;
}

// ---- Refusals: checked when asked, told later ------------------------------------------------

Verdict judge_bind(const Socket& socket, std::int32_t port) {
    Verdict verdict;
    if (!socket.open()) {
        verdict.refuse(not_running);
        return verdict;
    }
    const Steps steps = binding_of(socket);
    if (steps.asked || steps.done) verdict.refuse("Socket is already bound");
    if (!steps.none) return verdict;
    const bool bad = port < 0 || port > 65535;
    verdict.may_pass = !bad;
    if (bad) verdict.refuse(bad_port(port, true));
    return verdict;
}

Verdict judge_connect(const Socket& socket, std::int32_t port) {
    Verdict verdict;
    if (port < 1 || port > 65535) {
        verdict.refuse(bad_port(port, false));
        return verdict;
    }
    if (!socket.open()) {
        verdict.refuse(not_running);
        return verdict;
    }
    const Steps steps = connection_of(socket);
    if (steps.asked || steps.done) verdict.refuse("Already connected");
    verdict.may_pass = steps.none;
    return verdict;
}

Verdict judge_send(const Socket& socket, const char* outside, bool has_destination,
                   std::int32_t port) {
    Verdict verdict;
    const Steps steps = connection_of(socket);
    if (outside) {
        verdict.refuse("\"" + std::string(outside) + "\" is outside of buffer bounds");
    } else if (has_destination && steps.done) {
        verdict.refuse("Already connected");
    } else if (has_destination && (port < 1 || port > 65535)) {
        verdict.refuse(bad_port(port, false));
    } else if (!socket.open()) {
        verdict.refuse(not_running);
    } else if (!has_destination && steps.none) {
        verdict.refuse("Port should be > 0 and < 65536. Received no destination.");
        verdict.may_pass = steps.asked;
    }
    return verdict;
}

// ---- Failures ----------------------------------------------------------------------------------

void expect_bind(const Plan& plan, const Socket& socket, const Place& place, Request& request) {
    expect_look_up(socket, place, request);
    for (const net::Address& address : place.addresses) {
        const auto may = [&](const char* code) {
            request.failures.push_back(std::string("bind ") + code +
                                       (written(address).empty() ? "" : " ") + written(address));
        };
        const bool odd = socket.plan.ipv6_only && socket.plan.type == net::Type::udp4;
        if (address.family != socket.family() || odd) {
            may("EINVAL");
            request.may_succeed = false;
            continue;
        }
        if (socket.is_local() && socket.plan.reuse_port) {
            may("ENOTSUP");
            request.may_succeed = false;
        }
        if (address.is_mapped() && socket.plan.ipv6_only) {
            may("EINVAL");
            request.may_succeed = false;
        }
        const bool ours = socket.is_local() || is_of_host(address, socket.host) ||
                          address.is_multicast() || address.host() == "255.255.255.255";
        if (!ours || changes_world(plan)) may("EADDRNOTAVAIL");
        if (!ours) request.may_succeed = false;
        if (address.port != 0 || socket.is_local()) may("EADDRINUSE");
    }
}

void expect_connect(const Plan& plan, const Socket& socket, const Place& place, Request& request) {
    expect_look_up(socket, place, request);
    for (const net::Address& to : place.addresses) {
        if (expect_refusal(socket, to, "connect", request)) continue;
        if (socket.is_local()) {
            request.failures.push_back("connect * " + written(to));  // Nobody there; not for us.
        } else {
            expect_route(plan, socket, to, "connect", request);
        }
    }
}

namespace {

void expect_send_to(const Plan& plan, const Socket& socket, const net::Address& to,
                    Request& request) {
    if (expect_refusal(socket, to, "send", request)) return;
    if (socket.is_local()) {
        const std::string path = written(to);  // Nobody there, not for us, no name.
        request.failures.push_back(path.empty() ? "send *" : "send * " + path);
        return;
    }
    if (request.size > (socket.family() == net::Family::ipv6 ? 65527u : 65507u)) {
        request.may_succeed = false;
        request.failures.push_back("send EMSGSIZE " + written(to));
    }
    expect_route(plan, socket, to, "send", request);
}

}  // namespace

// One candidate that it may succeed with is enough.
void expect_send(const Plan& plan, const Socket& socket, const std::vector<net::Address>& addresses,
                 Request& request) {
    const bool before = request.may_succeed;
    bool any = addresses.empty();
    for (const net::Address& to : addresses) {
        request.may_succeed = true;
        expect_send_to(plan, socket, to, request);
        any = any || request.may_succeed;
    }
    request.may_succeed = before && any;
}

}  // namespace swarm
