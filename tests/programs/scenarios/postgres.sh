#!/bin/sh
# SPDX-License-Identifier: MIT
# PostgreSQL: a new cluster, a server, eight clients for some seconds, a stop. The server refuses to run as root.
set -e
if [ "$(id -u)" = 0 ]; then
	chown nobody .
	exec runuser -u nobody -- "$0" "$@"
fi
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
export PATH="$bin:$PATH" PGHOST="$PWD" PGUSER=postgres PGDATA="$PWD/data"
initdb -U postgres -A trust --no-sync >initdb.log
pg_ctl -w -l server.log -o "-c listen_addresses='' -c unix_socket_directories='$PWD' -c max_parallel_workers_per_gather=2" start
trap 'pg_ctl -m immediate stop' EXIT
pgbench -q -i -s 3 postgres
pgbench -c 8 -j 2 -T "${SECONDS_EACH:-5}" postgres
psql -c 'set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; select count(*), max(filler) from pgbench_accounts' postgres
trap - EXIT
pg_ctl -w -m fast stop
