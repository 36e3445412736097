#include "store/store_priv.h"

/*
 * Numbers in positions are below 2^53 (milliseconds, offsets), so Lua's doubles compare them exactly.
 * unpack() takes some thousand values at most: what may be longer goes in portions.
 */

/* KEYS: pos, then hashes. ARGV: log, offset, to, ttl, channel, raw name; per hash the number of values
 * that follow, 0: it goes away. to = 0: no window is due, the stored one stays. */
static const char publish[] =
	"local log, offset, to = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"local was = redis.call('GET', KEYS[1])\n"
	"if was then\n"
	"  local l, o, t = string.match(was, '^(%d+) (%d+) (%d+)$')\n"
	"  l, o, t = tonumber(l), tonumber(o), tonumber(t)\n"
	"  if l then\n"
	"    if to == 0 and log == l and offset == o then to = t end\n"
	"    if log < l or (log == l and (offset < o or (offset == o and to < t))) then return 0 end\n"
	"  end\n"
	"end\n"
	"redis.call('SET', KEYS[1], string.format('%s %s %.0f', ARGV[1], ARGV[2], to), 'PX', ARGV[4])\n"
	"local at = 7\n"
	"for i = 2, #KEYS do\n"
	"  local n = tonumber(ARGV[at])\n"
	"  redis.call('DEL', KEYS[i])\n"
	"  if n > 0 then\n"
	"    redis.call('HSET', KEYS[i], unpack(ARGV, at + 1, at + n))\n"
	"    redis.call('PEXPIRE', KEYS[i], ARGV[4])\n"
	"  end\n"
	"  at = at + n + 1\n"
	"end\n"
	"redis.call('PUBLISH', ARGV[5], ARGV[6])\n"
	"return was and 1 or 2\n";

/* KEYS: touchpoints. ARGV: ttl, score below which names leave, number of (score, name) values, they, names
 * that leave. */
static const char touchpoints[] =
	"local adds = tonumber(ARGV[3])\n"
	"if adds > 0 then redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, 4, 3 + adds)) end\n"
	"if #ARGV > 3 + adds then redis.call('ZREM', KEYS[1], unpack(ARGV, 4 + adds)) end\n"
	"redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2])\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
	"return 1\n";

/* KEYS: health. ARGV: ttl, fields and values. Returns whether the key was still there. */
static const char health[] = "local was = redis.call('DEL', KEYS[1])\n"
			     "redis.call('HSET', KEYS[1], unpack(ARGV, 2))\n"
			     "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
			     "return was\n";

/*
 * The checkpoint of a partition and the alerts that came of the same part of the log.
 *
 * KEYS: state, then those of all partitions: stream, incidents, closed ones, acknowledgements, verdicts; and
 * numbers. ARGV: token expected, number of our write (last word of its token), log, offset, low or '', ttl,
 * replace, partition, events the stream keeps, ttl of incidents, place of the first field, place of the first
 * alert; names that leave; names and bytes; per alert six values. Returns the outcome and the token found. A
 * write whose reply we never saw counts as expected: it has the same number as the one that repeats it.
 *
 * One that is reopened is acknowledged no more: who said so saw the time before.
 *
 * The numbers of touchpoints that are gone leave by and by: some at random are looked at with each event,
 * which needs no second key to find old ones by.
 */
static const char checkpoint[] =
	"local key, log, offset = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4])\n"
	"local stream, incidents, closed, numbers = KEYS[2], KEYS[3], KEYS[4], KEYS[7]\n"
	"local fields, alerts = tonumber(ARGV[11]), tonumber(ARGV[12])\n"
	"local found = redis.call('HGET', key, ':pos') or ''\n"
	"local l, o, number = string.match(found, '^(%d+) (%d+) (%S+)$')\n"
	"l, o = tonumber(l), tonumber(o)\n"
	"if l and (log < l or (log == l and offset < o)) then return {'REFUSED', found} end\n"
	"local replace = ARGV[7] == '1'\n"
	"if replace then redis.call('DEL', key)\n"
	"elseif found ~= ARGV[1] and number ~= ARGV[2] then return {'LOST', found} end\n"
	"local function portions(command, first, last)\n"
	"  for i = first, last, 1000 do redis.call(command, key, unpack(ARGV, i, math.min(last, i + 999))) "
	"end\n"
	"end\n"
	"portions('HDEL', 13, fields - 1)\n"
	"portions('HSET', fields, alerts - 1)\n"
	"for i = alerts, #ARGV, 6 do\n"
	"  local ledger, touchpoint, incident = ARGV[i], ARGV[i + 1], ARGV[i + 3]\n"
	"  local field = ledger .. ' ' .. touchpoint\n"
	"  local was = string.match(redis.call('HGET', numbers, field) or '0', '^%d+')\n"
	"  if tonumber(ARGV[i + 2]) > tonumber(was) then\n"
	"    redis.call('XADD', stream, 'MAXLEN', '~', ARGV[9], '*', 'partition', ARGV[8], 'ledger', ledger, "
	"'number', ARGV[i + 2], 'incident', incident, 'touchpoint', touchpoint, 'alert', ARGV[i + 5])\n"
	"    redis.call('HSET', numbers, field, ARGV[i + 2] .. ' ' .. ARGV[3])\n"
	"    redis.call('HSET', incidents, incident, ARGV[i + 5])\n"
	"    if ARGV[i + 4] == '0' then redis.call('ZADD', closed, log, incident)\n"
	"    elseif redis.call('ZREM', closed, incident) == 1 then redis.call('HDEL', KEYS[5], incident) "
	"end\n"
	"  end\n"
	"end\n"
	"if alerts <= #ARGV then\n"
	"  local some = redis.call('HRANDFIELD', numbers, 20, 'WITHVALUES')\n"
	"  for i = 1, #some, 2 do\n"
	"    local at = tonumber(string.match(some[i + 1], '%d+$'))\n"
	"    if at < log - tonumber(ARGV[6]) then redis.call('HDEL', numbers, some[i]) end\n"
	"  end\n"
	"  local gone = redis.call('ZRANGEBYSCORE', closed, '-inf', log - tonumber(ARGV[10]), 'LIMIT', 0, "
	"500)\n"
	"  local over = redis.call('ZCARD', closed) - " STORE_CLOSED_MAX "\n"
	"  if over > #gone then gone = redis.call('ZRANGE', closed, 0, math.min(over, 500) - 1) end\n"
	"  if #gone > 0 then\n"
	"    redis.call('ZREM', closed, unpack(gone))\n"
	"    for _, of in ipairs({incidents, KEYS[5], KEYS[6]}) do redis.call('HDEL', of, unpack(gone)) end\n"
	"  end\n"
	"end\n"
	"redis.call('HSET', key, ':pos', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[2])\n"
	"if ARGV[5] ~= '' then redis.call('HSET', key, ':low', ARGV[5]) end\n"
	"redis.call('PEXPIRE', key, ARGV[6])\n"
	"for i = 2, 6 do redis.call('PEXPIRE', KEYS[i], ARGV[10]) end\n"
	"redis.call('PEXPIRE', numbers, ARGV[6])\n"
	"return {'WRITTEN', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[2]}\n";

/* KEYS: incidents, closed ones. ARGV: whether closed ones are wanted, ids. Returns id, whether it is open,
 * newest event of each that is there: both of the same instant. */
static const char incidents[] =
	"local out = {}\n"
	"for i = 2, #ARGV do\n"
	"  local shut = redis.call('ZSCORE', KEYS[2], ARGV[i])\n"
	"  local json = (ARGV[1] == '1' or not shut) and redis.call('HGET', KEYS[1], ARGV[i])\n"
	"  if json then\n"
	"    for _, value in ipairs({ARGV[i], shut and '0' or '1', json}) do out[#out + 1] = value end\n"
	"  end\n"
	"end\n"
	"return out\n";

/* KEYS: incidents, closed ones. ARGV: id, whether it is open, newest event, time, ttl. */
static const char incident[] = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])\n"
			       "if ARGV[2] == '1' then redis.call('ZREM', KEYS[2], ARGV[1])\n"
			       "else redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1]) end\n"
			       "for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end\n"
			       "return 1\n";

/* KEYS: cursors. ARGV: partition, stream id, ttl. */
static const char cursor[] = "local function parts(id)\n"
			     "  local ms, seq = string.match(id or '', '^(%d+)-(%d+)$')\n"
			     "  return tonumber(ms or 0), tonumber(seq or 0)\n"
			     "end\n"
			     "local ms, seq = parts(ARGV[2])\n"
			     "local was_ms, was_seq = parts(redis.call('HGET', KEYS[1], ARGV[1]))\n"
			     "if ms > was_ms or (ms == was_ms and seq > was_seq) then redis.call('HSET', "
			     "KEYS[1], ARGV[1], ARGV[2]) "
			     "end\n"
			     "redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
			     "return 1\n";

/* KEYS: incidents, acknowledgements, verdicts. ARGV: id, acknowledgement, verdict or '', ttl. Returns 0:
 * no such incident, 1: was acknowledged before, 2. */
static const char ack[] = "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end\n"
			  "local was = redis.call('HEXISTS', KEYS[2], ARGV[1])\n"
			  "if was == 0 then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end\n"
			  "if ARGV[3] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[3]) end\n"
			  "redis.call('PEXPIRE', KEYS[2], ARGV[4])\n"
			  "redis.call('PEXPIRE', KEYS[3], ARGV[4])\n"
			  "return 2 - was\n";

/* KEYS: mutes. ARGV: touchpoint, mute or '', now. Those that ended leave; the key lives for a day longer
 * than the longest. Returns whether the touchpoint was muted, -1: there are too many. */
static const char mute[] =
	"local now, last, count, was = tonumber(ARGV[3]), 0, 0, 0\n"
	"if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
	"else was = redis.call('HDEL', KEYS[1], ARGV[1]) end\n"
	"local all = redis.call('HGETALL', KEYS[1])\n"
	"for i = 1, #all, 2 do\n"
	"  local till = tonumber(string.match(all[i + 1], '\"until_ms\":(%d+)') or 0)\n"
	"  if till <= now then redis.call('HDEL', KEYS[1], all[i])\n"
	"  else last, count = math.max(last, till), count + 1 end\n"
	"end\n"
	"if last > 0 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last - now + 86400000)) end\n"
	"if count > " STORE_MUTES_MAX " then\n"
	"  redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"  return -1\n"
	"end\n"
	"return was\n";

const char *store_script_text(enum script script)
{
	static const char *const texts[SCRIPTS] = {
		[SCRIPT_PUBLISH] = publish,	[SCRIPT_INDEX] = touchpoints,
		[SCRIPT_HEALTH] = health,	[SCRIPT_CHECKPOINT] = checkpoint,
		[SCRIPT_INCIDENTS] = incidents, [SCRIPT_INCIDENT] = incident,
		[SCRIPT_CURSOR] = cursor,	[SCRIPT_ACK] = ack,
		[SCRIPT_MUTE] = mute,
	};
	return texts[script];
}
