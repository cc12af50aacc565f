# One file for GNU make (3.81 and later), BSD make and POSIX make: macros, suffix rules and explicit
# rules, no conditionals and no pattern rules. `make help` lists the targets.
# Objects lie beside their sources, so flags are changed after a `make clean`, or in a copy of the
# tree. The catch of portability is that lists are written out: tests/check_lists.sh guards them.
.POSIX:
.SUFFIXES:
.SUFFIXES: .cpp .o .exe .example .fuzz .run .simulation .simulated .world

CXX      = c++
CXXFLAGS = -O2 -Wall -Wextra
CPPFLAGS =
LDFLAGS  =
LDLIBS   = -pthread
AR       = ar
RUN      =

# The one place that names it. CMakeLists.txt reads this and PUBLIC from here.
VERSION  = 0.1.0

DESTDIR  =
PREFIX   = /usr/local
LIBDIR   = $(PREFIX)/lib
MANDIR   = $(PREFIX)/share/man
INSTALL  = install

CHECKS = layers layers_test facts lists

FUZZ_CXX     = clang++
FUZZ_FLAGS   = -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_SECONDS = 20

SANITIZED_FLAGS = -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all
FAULTS  = 1
SEEDS   = 1000
FIRST   = 1
ROWS    =
BEFORE  =
ROUNDS  = 7
SECONDS = 0.1
PLOTS   = .github/bench

# What every platform shares; what real systems need; what the simulated one is made of.
PORTABLE = \
    core/await.o \
    core/growing.o \
    core/loop.o \
    core/posts.o \
    core/ring.o \
    core/signal.o \
    core/stop.o \
    core/task.o \
    core/timers.o \
    core/watch.o \
    net/address.o \
    net/arena.o \
    net/arrivals.o \
    net/block_list.o \
    net/cluster.o \
    net/cluster_channels.o \
    net/cluster_link.o \
    net/cluster_processes.o \
    net/cluster_protocol.o \
    net/cluster_sockets.o \
    net/cluster_worker.o \
    net/coroutine.o \
    net/datagram.o \
    net/datagram_bind.o \
    net/datagram_flush.o \
    net/datagram_listeners.o \
    net/datagram_many.o \
    net/datagram_membership.o \
    net/datagram_packets.o \
    net/datagram_pause.o \
    net/datagram_receive.o \
    net/datagram_rejoin.o \
    net/datagram_reports.o \
    net/datagram_send.o \
    net/datagram_settings.o \
    net/exchange.o \
    net/failure.o \
    net/name.o \
    net/peer_table.o \
    net/receiver.o \
    net/resolver.o \
    net/text.o \
    net/volley.o \
    platform/error.o \
    platform/mailbox.o \
    platform/spin_lock.o

SYSTEMS = \
    platform/bsd_datagrams.o \
    platform/darwin_datagrams.o \
    platform/epoll.o \
    platform/iocp.o \
    platform/kqueue.o \
    platform/linux_datagrams.o \
    platform/linux_error_queue.o \
    platform/linux_options.o \
    platform/linux_segmentation.o \
    platform/local_path.o \
    platform/poll.o \
    platform/posix_absent.o \
    platform/posix_address.o \
    platform/posix_channels.o \
    platform/posix_datagrams.o \
    platform/posix_error.o \
    platform/posix_interrupts.o \
    platform/posix_membership.o \
    platform/posix_message.o \
    platform/posix_packets.o \
    platform/posix_process_channel.o \
    platform/posix_processes.o \
    platform/posix_resolve.o \
    platform/posix_sockets.o \
    platform/posix_system_options.o \
    platform/posix_workers.o \
    platform/windows_channel_pair.o \
    platform/windows_channels.o \
    platform/windows_datagrams.o \
    platform/windows_error.o \
    platform/windows_interrupts.o \
    platform/windows_membership.o \
    platform/windows_packets.o \
    platform/windows_paths.o \
    platform/windows_process_channel.o \
    platform/windows_processes.o \
    platform/windows_program.o \
    platform/windows_resolve.o \
    platform/windows_segmentation.o \
    platform/windows_sockets.o \
    platform/windows_workers.o

SIMULATION = \
    platform/simulation/addresses.o \
    platform/simulation/channels.o \
    platform/simulation/datagrams.o \
    platform/simulation/delivery.o \
    platform/simulation/faults.o \
    platform/simulation/interrupts.o \
    platform/simulation/local.o \
    platform/simulation/membership.o \
    platform/simulation/nat.o \
    platform/simulation/network.o \
    platform/simulation/options.o \
    platform/simulation/poller.o \
    platform/simulation/processes.o \
    platform/simulation/registry.o \
    platform/simulation/resolve.o \
    platform/simulation/sockets.o \
    platform/simulation/text.o \
    platform/simulation/time.o \
    platform/simulation/trace.o \
    platform/simulation/workers.o \
    platform/simulation/world.o

TOOL = \
    tools/volley/arguments.o \
    tools/volley/echo.o \
    tools/volley/input.o \
    tools/volley/listen.o \
    tools/volley/main.o \
    tools/volley/send.o \
    tools/volley/session.o \
    tools/volley/workers.o

EXAMPLES = \
    tools/examples/cluster_multicast.example \
    tools/examples/connected_send.example \
    tools/examples/coroutine_client.example \
    tools/examples/coroutine_echo.example \
    tools/examples/echo.example \
    tools/examples/exclusive_bind.example \
    tools/examples/multi_buffer_send.example \
    tools/examples/multicast.example \
    tools/examples/multicast_interface.example \
    tools/examples/send.example \
    tools/examples/send_and_close.example \
    tools/examples/syslog.example \
    tools/examples/udp_server.example \
    tools/examples/unix_client.example \
    tools/examples/unix_echo_server.example

# Those that want std::thread, which some compilers lack: `make THREADED_EXAMPLES=` leaves them out.
THREADED_EXAMPLES = \
    tools/examples/threads.example

# Programs for the simulation: they fail if they do not do what they say.
WORLDS = \
    tools/simulation/gossip.world \
    tools/simulation/reliable_transfer.world \
    tools/simulation/resolver_behind_nat.world

TESTS = \
    tests/core/callback.run \
    tests/core/embedding.run \
    tests/core/loop.run \
    tests/core/loop_memory.run \
    tests/core/posts.run \
    tests/core/signal.run \
    tests/core/stop.run \
    tests/core/task.run \
    tests/core/task_memory.run \
    tests/core/timers.run \
    tests/core/timers_model.run \
    tests/core/watch.run \
    tests/net/address.run \
    tests/net/address_differential.run \
    tests/net/adopt.run \
    tests/net/adopt_linux.run \
    tests/net/allocations.run \
    tests/net/arrivals.run \
    tests/net/bind.run \
    tests/net/bind_faults.run \
    tests/net/bind_options.run \
    tests/net/bind_processes.run \
    tests/net/bind_sync.run \
    tests/net/block_list.run \
    tests/net/blocking.run \
    tests/net/close.run \
    tests/net/close_inside.run \
    tests/net/cluster.run \
    tests/net/cluster_absent.run \
    tests/net/cluster_deaths.run \
    tests/net/cluster_inheritance.run \
    tests/net/cluster_life.run \
    tests/net/cluster_protocol.run \
    tests/net/cluster_rogues.run \
    tests/net/connect.run \
    tests/net/connect_faults.run \
    tests/net/coroutines.run \
    tests/net/coroutines_cut_short.run \
    tests/net/coroutines_memory.run \
    tests/net/counters.run \
    tests/net/creation.run \
    tests/net/creation_memory.run \
    tests/net/endurance.run \
    tests/net/failure.run \
    tests/net/footprint.run \
    tests/net/independence.run \
    tests/net/membership.run \
    tests/net/message.run \
    tests/net/messages.run \
    tests/net/names.run \
    tests/net/names_hanging.run \
    tests/net/never_inside.run \
    tests/net/packet_info.run \
    tests/net/packet_info_linux.run \
    tests/net/pause.run \
    tests/net/pause_faults.run \
    tests/net/reading.run \
    tests/net/refusals.run \
    tests/net/refusals_faults.run \
    tests/net/reports.run \
    tests/net/resolver.run \
    tests/net/resolver_faults.run \
    tests/net/resolver_limits.run \
    tests/net/resolver_memory.run \
    tests/net/send.run \
    tests/net/send_forms.run \
    tests/net/send_many.run \
    tests/net/send_many_memory.run \
    tests/net/send_queue.run \
    tests/net/settings.run \
    tests/net/tick.run \
    tests/net/trains.run \
    tests/net/trains_faults.run \
    tests/net/trains_memory.run \
    tests/net/trains_peers.run \
    tests/net/unix.run \
    tests/net/unix_abstract.run \
    tests/net/unix_paths.run \
    tests/net/volley.run \
    tests/platform/control.run \
    tests/platform/datagrams.run \
    tests/platform/error.run \
    tests/platform/interrupts.run \
    tests/platform/interrupts_faults.run \
    tests/platform/linux_errors.run \
    tests/platform/linux_fallbacks.run \
    tests/platform/linux_names.run \
    tests/platform/linux_packets.run \
    tests/platform/linux_segmentation.run \
    tests/platform/local_path.run \
    tests/platform/mailbox.run \
    tests/platform/membership.run \
    tests/platform/options.run \
    tests/platform/packet_info.run \
    tests/platform/poller.run \
    tests/platform/processes.run \
    tests/platform/windows.run \
    tests/platform/windows_processes.run \
    tests/platform/workers.run

# Those that run in the simulation too, without what odd/simulation.txt names; and its own.
SIMULATED_TESTS = \
    tests/core/loop.simulated \
    tests/core/posts.simulated \
    tests/core/stop.simulated \
    tests/core/task.simulated \
    tests/core/timers.simulated \
    tests/core/timers_model.simulated \
    tests/net/address.simulated \
    tests/net/arrivals.simulated \
    tests/net/bind.simulated \
    tests/net/bind_options.simulated \
    tests/net/bind_sync.simulated \
    tests/net/block_list.simulated \
    tests/net/blocking.simulated \
    tests/net/close.simulated \
    tests/net/close_inside.simulated \
    tests/net/cluster_absent.simulated \
    tests/net/cluster_protocol.simulated \
    tests/net/connect.simulated \
    tests/net/coroutines.simulated \
    tests/net/coroutines_cut_short.simulated \
    tests/net/counters.simulated \
    tests/net/creation.simulated \
    tests/net/creation_memory.simulated \
    tests/net/failure.simulated \
    tests/net/membership.simulated \
    tests/net/message.simulated \
    tests/net/messages.simulated \
    tests/net/names.simulated \
    tests/net/packet_info.simulated \
    tests/net/pause.simulated \
    tests/net/refusals.simulated \
    tests/net/reports.simulated \
    tests/net/resolver.simulated \
    tests/net/resolver_memory.simulated \
    tests/net/send.simulated \
    tests/net/send_forms.simulated \
    tests/net/send_many.simulated \
    tests/net/settings.simulated \
    tests/net/tick.simulated \
    tests/net/trains_memory.simulated \
    tests/net/unix.simulated \
    tests/net/unix_abstract.simulated \
    tests/net/volley.simulated \
    tests/platform/datagrams.simulated \
    tests/platform/error.simulated \
    tests/platform/mailbox.simulated \
    tests/platform/membership.simulated \
    tests/platform/options.simulated \
    tests/platform/poller.simulated \
    tests/platform/workers.simulated \
    tests/simulation/deadlock.simulated \
    tests/simulation/determinism.simulated \
    tests/simulation/fault_walk.simulated \
    tests/simulation/faults.simulated \
    tests/simulation/journeys.simulated \
    tests/simulation/linger.simulated \
    tests/simulation/local.simulated \
    tests/simulation/multicast.simulated \
    tests/simulation/nat.simulated \
    tests/simulation/partitions.simulated \
    tests/simulation/paths.simulated \
    tests/simulation/resolver.simulated \
    tests/simulation/time.simulated

# Those that need exceptions: `make test THROWING_TESTS= SIMULATED_THROWING_TESTS=` leaves
# them out.
THROWING_TESTS = \
    tests/core/loop_throwing.run \
    tests/core/signal_throwing.run \
    tests/core/task_throwing.run \
    tests/core/timers_throwing.run \
    tests/net/bind_throwing.run \
    tests/net/close_throwing.run \
    tests/net/connect_throwing.run \
    tests/net/messages_throwing.run \
    tests/net/must_throwing.run \
    tests/net/resolver_throwing.run \
    tests/net/send_throwing.run \
    tests/net/tick_throwing.run

SIMULATED_THROWING_TESTS = \
    tests/core/loop_throwing.simulated \
    tests/core/task_throwing.simulated \
    tests/core/timers_throwing.simulated \
    tests/net/bind_throwing.simulated \
    tests/net/close_throwing.simulated \
    tests/net/connect_throwing.simulated \
    tests/net/messages_throwing.simulated \
    tests/net/must_throwing.simulated \
    tests/net/resolver_throwing.simulated \
    tests/net/tick_throwing.simulated

# What the scripts in tests/ run: programs with a main() of their own.
PROGRAMS = \
    tests/interop/gaps.exe \
    tests/namespaces/probe.exe \
    tests/odd/without.exe \
    tests/size/raw_echo.exe

# `make fault-walk`: the scenarios and their judge, with the simulated platform or the real one.
WALK = \
    tests/walk/binding.o \
    tests/walk/causes.o \
    tests/walk/closing.o \
    tests/walk/closing_inside.o \
    tests/walk/connecting.o \
    tests/walk/coroutines.o \
    tests/walk/flow.o \
    tests/walk/groups.o \
    tests/walk/local.o \
    tests/walk/looping.o \
    tests/walk/main.o \
    tests/walk/memory.o \
    tests/walk/packets.o \
    tests/walk/receiving.o \
    tests/walk/resolving.o \
    tests/walk/run.o \
    tests/walk/sending.o \
    tests/walk/settings.o \
    tests/walk/stage.o

WALKS = \
    tests/walk/real.walk \
    tests/walk/simulated.walk

# `make swarm`: random schedules against a model of the contract.
SWARM = \
    tests/simulation/swarm/audit.o \
    tests/simulation/swarm/generate.o \
    tests/simulation/swarm/isolate.o \
    tests/simulation/swarm/main.o \
    tests/simulation/swarm/many.o \
    tests/simulation/swarm/model.o \
    tests/simulation/swarm/outcomes.o \
    tests/simulation/swarm/perform.o \
    tests/simulation/swarm/places.o \
    tests/simulation/swarm/run.o \
    tests/simulation/swarm/sends.o \
    tests/simulation/swarm/settings.o \
    tests/simulation/swarm/shrink.o \
    tests/simulation/swarm/traffic.o \
    tests/simulation/swarm/words.o

FUZZERS = \
    tests/fuzz/address.fuzz \
    tests/fuzz/block_list.fuzz \
    tests/fuzz/cluster.fuzz

# `make bench`: what all contenders are made of, each of them, and who runs them.
BENCH_CONTENDER = \
    tests/bench/child.o \
    tests/bench/footprint.o \
    tests/bench/heap.o \
    tests/bench/main.o \
    tests/bench/meter.o \
    tests/bench/plain.o \
    tests/bench/slow_names.o \
    tests/bench/ticker.o

BENCH_ASIO = \
    tests/bench/asio/datagrams.o \
    tests/bench/asio/post.o \
    tests/bench/asio/resolve.o \
    tests/bench/asio/start.o \
    tests/bench/asio/time.o

BENCH_DRIVER = \
    tests/bench/driver/compare.o \
    tests/bench/driver/machine.o \
    tests/bench/driver/main.o \
    tests/bench/driver/plan.o \
    tests/bench/driver/report.o \
    tests/bench/driver/run.o \
    tests/bench/driver/trace.o

BENCH_LIBUV = \
    tests/bench/libuv/datagrams.o \
    tests/bench/libuv/post.o \
    tests/bench/libuv/resolve.o \
    tests/bench/libuv/start.o \
    tests/bench/libuv/time.o

BENCH_OURS = \
    tests/bench/ours/datagrams.o \
    tests/bench/ours/post.o \
    tests/bench/ours/resolve.o \
    tests/bench/ours/start.o \
    tests/bench/ours/time.o

BENCH_PLOTS = \
    tests/bench/plots/chart.o \
    tests/bench/plots/main.o \
    tests/bench/plots/table.o

BENCH_RAW = \
    tests/bench/raw/batch.o \
    tests/bench/raw/datagrams.o \
    tests/bench/raw/post.o \
    tests/bench/raw/readiness.o \
    tests/bench/raw/resolve.o \
    tests/bench/raw/start.o \
    tests/bench/raw/time.o

BENCH_SIMULATION = \
    tests/bench/simulation/second.o

HEADERS = \
    core/await.h \
    core/callback.h \
    core/growing.h \
    core/loop.h \
    core/posts.h \
    core/ring.h \
    core/signal.h \
    core/source.h \
    core/stop.h \
    core/strand.h \
    core/task.h \
    core/timers.h \
    net/address.h \
    net/arena.h \
    net/arrivals.h \
    net/block_list.h \
    net/block_pool.h \
    net/cluster.h \
    net/cluster_link.h \
    net/cluster_protocol.h \
    net/cluster_sockets.h \
    net/cluster_state.h \
    net/coroutine.h \
    net/counters.h \
    net/datagram.h \
    net/datagram_state.h \
    net/directed.h \
    net/exchange.h \
    net/failure.h \
    net/groups.h \
    net/interface.h \
    net/lookup.h \
    net/name.h \
    net/packet.h \
    net/payload.h \
    net/peer_table.h \
    net/receiver.h \
    net/request.h \
    net/resolver.h \
    net/spares.h \
    net/text.h \
    net/throwing.h \
    net/volley.h \
    platform/control.h \
    platform/endpoint.h \
    platform/error.h \
    platform/job_queue.h \
    platform/linux_wake.h \
    platform/packet_codec.h \
    platform/platform.h \
    platform/poll_set.h \
    platform/posix_address.h \
    platform/posix_channel_pair.h \
    platform/posix_clock.h \
    platform/posix_control.h \
    platform/posix_error.h \
    platform/posix_message.h \
    platform/posix_options.h \
    platform/posix_sockets.h \
    platform/posix_wake.h \
    platform/simulation/faults.h \
    platform/simulation/random.h \
    platform/simulation/simulation.h \
    platform/simulation/state.h \
    platform/simulation/text.h \
    platform/simulation/trace.h \
    platform/windows_address.h \
    platform/windows_afd.h \
    platform/windows_channel_pair.h \
    platform/windows_control.h \
    platform/windows_error.h \
    platform/windows_program.h \
    platform/windows_sockets.h \
    platform/windows_system.h \
    platform/windows_watches.h \
    tests/bench/asio/sockets.h \
    tests/bench/child.h \
    tests/bench/content.h \
    tests/bench/datagram_rows.h \
    tests/bench/driver/compare.h \
    tests/bench/driver/machine.h \
    tests/bench/driver/plan.h \
    tests/bench/driver/report.h \
    tests/bench/driver/result.h \
    tests/bench/driver/run.h \
    tests/bench/driver/trace.h \
    tests/bench/flood.h \
    tests/bench/footprint.h \
    tests/bench/heap.h \
    tests/bench/libuv/sockets.h \
    tests/bench/lookups.h \
    tests/bench/meter.h \
    tests/bench/one_sided.h \
    tests/bench/ours/sockets.h \
    tests/bench/paced.h \
    tests/bench/ping_pong.h \
    tests/bench/plain.h \
    tests/bench/plots/chart.h \
    tests/bench/plots/table.h \
    tests/bench/posts.h \
    tests/bench/raw/batch.h \
    tests/bench/raw/readiness.h \
    tests/bench/raw/sockets.h \
    tests/bench/row.h \
    tests/bench/starts.h \
    tests/bench/ticker.h \
    tests/bench/timers.h \
    tests/core/aligned_memory.h \
    tests/core/probe.h \
    tests/core/scarce_memory.h \
    tests/net/cluster.h \
    tests/net/faults.h \
    tests/net/outcomes.h \
    tests/net/posix_process.h \
    tests/net/receiver.h \
    tests/net/support.h \
    tests/net/throwing.h \
    tests/net/trains.h \
    tests/net/windows_process.h \
    tests/net/wire.h \
    tests/platform/support.h \
    tests/sanitizers.h \
    tests/simulation/support.h \
    tests/simulation/swarm/isolate.h \
    tests/simulation/swarm/model.h \
    tests/simulation/swarm/places.h \
    tests/simulation/swarm/plan.h \
    tests/simulation/swarm/stage.h \
    tests/simulation/swarm/traffic.h \
    tests/walk/memory.h \
    tests/walk/run.h \
    tests/walk/stage.h \
    tests/walk/system.h \
    tests/walk/virtual_time.h \
    tools/volley/arguments.h \
    tools/volley/input.h \
    tools/volley/session.h \
    tools/volley/verbs.h \
    tools/volley/workers.h

# The headers that are installed: what users include, and what these include.
PUBLIC = \
    core/await.h \
    core/callback.h \
    core/growing.h \
    core/loop.h \
    core/ring.h \
    core/source.h \
    core/stop.h \
    core/strand.h \
    core/task.h \
    core/timers.h \
    net/address.h \
    net/block_list.h \
    net/cluster.h \
    net/coroutine.h \
    net/counters.h \
    net/datagram.h \
    net/failure.h \
    net/interface.h \
    net/lookup.h \
    net/packet.h \
    net/payload.h \
    net/receiver.h \
    net/resolver.h \
    net/throwing.h \
    platform/endpoint.h \
    platform/error.h \
    platform/platform.h \
    platform/simulation/faults.h \
    platform/simulation/simulation.h

# For the tests alone: doctest's asserts as calls, which compile in two thirds of the time.
DOCTEST      = -isystem build/doctest/usr/include -DDOCTEST_CONFIG_SUPER_FAST_ASSERTS
FLAGS        = -std=c++20 -I. $(DOCTEST)
LIBRARY      = $(PORTABLE) $(SYSTEMS)
ARCHIVES     = libvolley.a libvolley-simulation.a
COMPILE      = $(CXX) $(FLAGS) $(CPPFLAGS) $(CXXFLAGS)
LINK         = $(CXX) $(CXXFLAGS) $(LDFLAGS)
ALL_TESTS    = $(TESTS) $(THROWING_TESTS)
BENCH        = $(BENCH_CONTENDER) $(BENCH_OURS) $(BENCH_SIMULATION) $(BENCH_RAW) \
               $(BENCH_DRIVER) $(BENCH_PLOTS)
BENCH_PEERS  = $(BENCH_LIBUV) $(BENCH_ASIO)
SIMULATED    = $(SIMULATED_TESTS) $(SIMULATED_THROWING_TESTS)
SIMULATED_PROGRAMS = $(SIMULATED:.simulated=.simulation)
TEST_OBJECTS = tests/main.o $(ALL_TESTS:.run=.o) $(PROGRAMS:.exe=.o)

default: $(ARCHIVES) volley

all: default $(EXAMPLES) $(THREADED_EXAMPLES) $(WORLDS)

demo: all tools/demo/demo.exe
	$(RUN) tools/demo/demo.exe

programs: all $(PROGRAMS) $(ALL_TESTS:.run=.exe) $(SIMULATED_PROGRAMS)

test: programs check $(ALL_TESTS) $(SIMULATED) $(WORLDS:.world=.simulated)

check:
	@failed=0; for check in $(CHECKS); do \
	    sh tests/check_$$check.sh || failed=1; \
	done; exit $$failed

# In copies of the sources, since objects of other compilers or flags lie beside them.
fuzz:
	mkdir -p build/fuzz
	tar cf - Makefile $(HEADERS) $(LIBRARY:.o=.cpp) $(FUZZERS:.fuzz=.cpp) | (cd build/fuzz && tar xf -)
	cd build/fuzz && $(MAKE) -j2 CXX='$(FUZZ_CXX)' CXXFLAGS='$(FUZZ_FLAGS)' $(FUZZERS)
	for fuzzer in $(FUZZERS); do \
	    build/fuzz/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -artifact_prefix=build/ || exit 1; \
	done

# What runs under the sanitizers, all of one library.
sanitized:
	mkdir -p build/sanitized
	tar cf - Makefile $(HEADERS) $(LIBRARY:.o=.cpp) $(SIMULATION:.o=.cpp) $(WALK:.o=.cpp) \
	    $(WALKS:.walk=.cpp) $(SWARM:.o=.cpp) | (cd build/sanitized && tar xf -)

# The last one is the system without calls for batches, which makes many more calls: every tenth
# will do.
fault-walk: sanitized
	cd build/sanitized && $(MAKE) -j2 CXXFLAGS='$(SANITIZED_FLAGS)' $(WALKS)
	build/sanitized/tests/walk/simulated.walk --every=$(FAULTS)
	build/sanitized/tests/walk/real.walk --every=$(FAULTS)
	build/sanitized/tests/walk/real.walk --poor --single --every=$(FAULTS)0

swarm: sanitized
	cd build/sanitized && $(MAKE) -j2 CXXFLAGS='$(SANITIZED_FLAGS)' swarm.exe
	build/sanitized/swarm.exe --seeds=$(SEEDS) --first=$(FIRST)

# Peers that are not installed are left out, which is the script's business.
bench: build/bench/ours build/bench/simulation build/bench/raw build/bench/driver
	MAKE='$(MAKE)' CXX='$(CXX)' CPPFLAGS='$(CPPFLAGS)' \
	    sh tests/bench/driver/build.sh build/bench.programs
	build/bench/driver --rounds=$(ROUNDS) --seconds=$(SECONDS) $(ROWS)

# BEFORE is the same program of another tree.
bench-compare: build/bench/ours build/bench/driver
	build/bench/driver --before='$(BEFORE)' --rounds=$(ROUNDS) --seconds=$(SECONDS) $(ROWS)

bench-plots: build/bench/plots
	build/bench/plots build/bench.tsv $(PLOTS)

# One `include` above the folders, so that users write the names that are written here.
install: default
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 755 volley $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 644 $(ARCHIVES) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 tools/volley/volley.1 $(DESTDIR)$(MANDIR)/man1
	sed -e '1d' -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LDLIBS)|' tools/install/volley.pc.in \
	    >$(DESTDIR)$(LIBDIR)/pkgconfig/volley.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/volley.pc
	for header in $(PUBLIC); do \
	    folder=$(DESTDIR)$(PREFIX)/include/volley/$${header%/*}; \
	    $(INSTALL) -d $$folder && $(INSTALL) -m 644 $$header $$folder || exit 1; \
	done

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/include/volley
	rm -f $(DESTDIR)$(PREFIX)/bin/volley $(DESTDIR)$(LIBDIR)/libvolley.a \
	    $(DESTDIR)$(LIBDIR)/libvolley-simulation.a \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/volley.pc $(DESTDIR)$(MANDIR)/man1/volley.1

clean:
	rm -rf build libvolley.a libvolley-simulation.a volley volley.exe
	find core net platform tests tools \( -name '*.o' -o -name '*.exe' -o -name '*.example' \
	    -o -name '*.fuzz' -o -name '*.run' -o -name '*.simulation' \
	    -o -name '*.walk' -o -name '*.world' -o -name '*.simulated' -o -name '*.a' \) -exec rm -f {} +

help:
	@echo 'make          the library (libvolley.a), the same on a simulated network'
	@echo '              (libvolley-simulation.a), and the tool (./volley)'
	@echo 'make all      these and the examples (tools/examples/*.example), also those of the'
	@echo '              simulation (tools/simulation/*.world)'
	@echo 'make demo     builds everything and shows it at work'
	@echo 'make programs everything and the test programs, and runs none'
	@echo 'make test     builds everything, runs the checks, and the tests of what has changed'
	@echo 'make check    the checks of the sources alone'
	@echo 'make fuzz     feeds parsers with noise, FUZZ_SECONDS=$(FUZZ_SECONDS) each; wants clang++'
	@echo 'make fault-walk   fails every call of every scenario with every error, under sanitizers;'
	@echo '              FAULTS=10: every tenth of these runs'
	@echo 'make swarm    plays random schedules against a model: SEEDS=$(SEEDS) FIRST=$(FIRST)'
	@echo 'make bench    measures us, our peers and the limit: ROWS="flood fanout" ROUNDS=$(ROUNDS)'
	@echo '              SECONDS=$(SECONDS), each; into build/bench.tsv'
	@echo 'make bench-compare   what a change costs: BEFORE=../old/build/bench/ours ROUNDS=100'
	@echo 'make bench-plots  draws build/bench.tsv into PLOTS=$(PLOTS)'
	@echo 'make install  into DESTDIR= PREFIX=$(PREFIX) LIBDIR= MANDIR=; make uninstall'
	@echo 'make clean    removes all that make made'
	@echo 'Variables: CXX CXXFLAGS CPPFLAGS LDFLAGS LDLIBS AR, and RUN, which runs a program:'
	@echo 'make test CXX=x86_64-w64-mingw32-g++ AR=x86_64-w64-mingw32-ar \'
	@echo '    LDLIBS="-static -lws2_32" THREADED_EXAMPLES= \'
	@echo '    RUN="sh tests/leave_out.sh wine sh tests/wine.sh"'

libvolley.a: $(LIBRARY)
	rm -f $@
	$(AR) rcs $@ $(LIBRARY)

libvolley-simulation.a: $(PORTABLE) $(SIMULATION)
	rm -f $@
	$(AR) rcs $@ $(PORTABLE) $(SIMULATION)

volley: $(TOOL) libvolley.a
	$(LINK) -o $@ $(TOOL) libvolley.a $(LDLIBS)

tools/demo/demo.exe: tools/demo/demo.o libvolley.a
	$(LINK) -o $@ tools/demo/demo.o libvolley.a $(LDLIBS)

# An archive, so that a program with a main() of its own keeps it.
tests/main.a: tests/main.o
	rm -f $@
	$(AR) rcs $@ tests/main.o

build/bench/ours: $(BENCH_CONTENDER) $(BENCH_OURS) libvolley.a
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_CONTENDER) $(BENCH_OURS) libvolley.a $(LDLIBS)

build/bench/simulation: $(BENCH_CONTENDER) $(BENCH_SIMULATION) libvolley-simulation.a
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_CONTENDER) $(BENCH_SIMULATION) libvolley-simulation.a $(LDLIBS)

build/bench/libuv: $(BENCH_CONTENDER) $(BENCH_LIBUV)
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_CONTENDER) $(BENCH_LIBUV) -luv $(LDLIBS)

build/bench/asio: $(BENCH_CONTENDER) $(BENCH_ASIO)
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_CONTENDER) $(BENCH_ASIO) $(LDLIBS)

build/bench/raw: $(BENCH_CONTENDER) $(BENCH_RAW)
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_CONTENDER) $(BENCH_RAW) $(LDLIBS)

build/bench/driver: $(BENCH_DRIVER)
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_DRIVER) $(LDLIBS)

build/bench/plots: $(BENCH_PLOTS)
	mkdir -p build/bench
	$(LINK) -o $@ $(BENCH_PLOTS) $(LDLIBS)

tests/walk/real.walk: $(WALK) tests/walk/real.o libvolley.a
	$(LINK) -o $@ $(WALK) tests/walk/real.o libvolley.a $(LDLIBS)

swarm.exe: $(SWARM) libvolley-simulation.a
	$(LINK) -o $@ $(SWARM) libvolley-simulation.a $(LDLIBS)

tests/walk/simulated.walk: $(WALK) tests/walk/simulated.o libvolley-simulation.a
	$(LINK) -o $@ $(WALK) tests/walk/simulated.o libvolley-simulation.a $(LDLIBS)

build/doctest.found:
	mkdir -p build
	CXX='$(CXX)' CPPFLAGS='$(CPPFLAGS)' sh tests/doctest.sh build
	touch $@

.cpp.o:
	$(COMPILE) -c -o $@ $<

.o.exe:
	$(LINK) -o $@ $< tests/main.a libvolley.a $(LDLIBS)

.o.example:
	$(LINK) -o $@ $< libvolley.a $(LDLIBS)

.o.fuzz:
	$(LINK) -o $@ $< libvolley.a $(LDLIBS)

.o.world:
	$(LINK) -o $@ $< libvolley-simulation.a $(LDLIBS)

.world.simulated:
	$(RUN) ./$<
	touch $@

# A passed test is a stamp: what has not changed is not run again.
.exe.run:
	$(RUN) ./$<
	touch $@

# The same object, on the platform that does not exist.
.o.simulation:
	$(LINK) -o $@ $< tests/main.a libvolley-simulation.a $(LDLIBS)

.simulation.simulated:
	sh tests/leave_out.sh simulation $(RUN) ./$<
	touch $@

# Coarse on purpose: a full build takes seconds, and no list of includes can be out of date.
$(LIBRARY) $(SIMULATION) $(TOOL) $(EXAMPLES:.example=.o): $(HEADERS)
$(THREADED_EXAMPLES:.example=.o): $(HEADERS)
tools/demo/demo.o $(TEST_OBJECTS): $(HEADERS)
$(SIMULATED:.simulated=.o): $(HEADERS) build/doctest.found
$(WORLDS:.world=.o): $(HEADERS)
$(WORLDS): libvolley-simulation.a
$(BENCH) $(BENCH_PEERS): $(HEADERS)
$(SWARM) $(WALK) $(WALKS:.walk=.o): $(HEADERS)
$(TEST_OBJECTS): build/doctest.found
$(PROGRAMS) $(ALL_TESTS:.run=.exe): tests/main.a libvolley.a
$(SIMULATED_PROGRAMS): tests/main.a libvolley-simulation.a
$(EXAMPLES) $(THREADED_EXAMPLES): libvolley.a
$(FUZZERS): libvolley.a
$(FUZZERS:.fuzz=.o): $(HEADERS)

.PHONY: default all demo programs test check fuzz sanitized fault-walk swarm bench bench-compare
.PHONY: bench-plots install uninstall clean help
