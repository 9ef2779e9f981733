-- SPDX-License-Identifier: MIT
-- A table, an index, joins that sort, a map of the file, VACUUM.
PRAGMA mmap_size = 268435456;
PRAGMA cache_size = -60000;
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, text TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
INSERT INTO item SELECT i, i * 7919 % 1000, printf('%0100d', i) FROM n;
CREATE INDEX by_kind ON item (kind, text);
SELECT count(*), max(text) FROM item WHERE kind BETWEEN 100 AND 300;
SELECT a.kind, count(*) FROM item a JOIN item b ON b.id = a.id + 1 GROUP BY a.kind ORDER BY 2 DESC, 1 LIMIT 3;
DELETE FROM item WHERE kind % 3 = 0;
VACUUM;
SELECT sum(length(text)) FROM item;
