-- SPDX-License-Identifier: MIT
-- A session of sqlite3's shell: tables, indexes, sorts that spill, memory-mapped files, transactions, checks, mistakes.
.print == page size
PRAGMA page_size = 4096;
.print == mmap size
PRAGMA mmap_size = 268435456;
.print == cache size
PRAGMA cache_size = 200;
.print == temp store
PRAGMA temp_store = 1;
.print == create
CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, v TEXT);
.print == fill
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO t SELECT i, (i * 7919) % 1000003, hex(i * i) || printf('%0200d', i) FROM n;
.print == sums
SELECT count(*), sum(k), max(length(v)) FROM t;
.print == index
CREATE INDEX t_k ON t (k);
.print == index of expressions
CREATE INDEX t_v ON t (substr(v, 3, 9), k DESC);
.print == plan
EXPLAIN QUERY PLAN SELECT * FROM t WHERE k = 5;
.print == range
SELECT id, k FROM t WHERE k BETWEEN 500 AND 600 ORDER BY k;
.print == groups
SELECT k % 13 AS g, count(*), avg(id) FROM t GROUP BY g ORDER BY 2 DESC, 1;
.print == window
SELECT sum(id * rank) FROM (SELECT id, row_number() OVER (ORDER BY v DESC) AS rank FROM t);
.print == distinct
SELECT count(DISTINCT substr(v, -4)) FROM t;
.print == update
BEGIN; UPDATE t SET v = v || k WHERE id % 3 = 0;
.print == savepoint
SAVEPOINT s; DELETE FROM t WHERE id % 2 = 0; SELECT count(*) FROM t; ROLLBACK TO s;
.print == commit
COMMIT; SELECT count(*), sum(length(v)) FROM t;
.print == wal
PRAGMA journal_mode = WAL;
.print == delete
DELETE FROM t WHERE k % 5 = 0; SELECT changes();
.print == checkpoint
PRAGMA wal_checkpoint(TRUNCATE);
.print == full text
CREATE VIRTUAL TABLE f USING fts5(v); INSERT INTO f SELECT 'word' || (k % 97) || ' of ' || id FROM t;
.print == words
SELECT count(*) FROM f WHERE f MATCH 'word13';
.print == rtree
CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r SELECT id, k, k + 3 FROM t LIMIT 20000;
.print == boxes
SELECT count(*), min(id) FROM r WHERE x0 > 1000 AND x1 < 90000;
.print == json
SELECT json_group_array(json_object('id', id, 'k', k)) FROM (SELECT * FROM t ORDER BY k LIMIT 50);
.print == blobs
WITH RECURSIVE p(n, s) AS (SELECT 1, zeroblob(100000) UNION ALL SELECT n + 1, randomblob(n * 1000) FROM p WHERE n < 300) SELECT count(*), sum(length(s)) FROM p;
.print == without mmap
PRAGMA mmap_size = 0; SELECT sum(k) FROM t; PRAGMA mmap_size = 268435456; SELECT sum(k) FROM t;
.print == second database
ATTACH ':memory:' AS m; CREATE TABLE m.c AS SELECT * FROM t; SELECT count(*) FROM m.c; DROP TABLE m.c;
.print == vacuum
VACUUM;
.print == integrity
PRAGMA integrity_check;
.print == pages
PRAGMA page_count;
.print == hash
.sha3sum
.print == selftest made
.selftest --init
.print == selftest
.selftest
.print == no such table
SELECT * FROM missing;
.print == constraint
INSERT INTO t VALUES (1, 1, 'again');
.print == heap limit
PRAGMA hard_heap_limit = 3000000; SELECT length(group_concat(v)) FROM t; PRAGMA hard_heap_limit = 0;
.print == tables
.tables
