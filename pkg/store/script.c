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

/* KEYS: state. ARGV: token expected, number of our write (last word of its token), log, offset, low or '',
 * ttl, replace, number of names that leave, they, names and bytes. Returns the outcome and the token
 * found. A write whose reply we never saw counts as expected: it has the same number as the one that
 * repeats it. */
static const char checkpoint[] =
	"local key, log, offset = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4])\n"
	"local found = redis.call('HGET', key, ':pos') or ''\n"
	"local l, o, number = string.match(found, '^(%d+) (%d+) (%S+)$')\n"
	"l, o = tonumber(l), tonumber(o)\n"
	"if l and (log < l or (log == l and offset < o)) then return {'REFUSED', found} end\n"
	"local replace = ARGV[7] == '1'\n"
	"if replace then redis.call('DEL', key)\n"
	"elseif found ~= ARGV[1] and number ~= ARGV[2] then return {'LOST', found} end\n"
	"local last = 8 + tonumber(ARGV[8])\n"
	"for i = 9, last, 1000 do redis.call('HDEL', key, unpack(ARGV, i, math.min(last, i + 999))) end\n"
	"for i = last + 1, #ARGV, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(#ARGV, i + 999))) "
	"end\n"
	"redis.call('HSET', key, ':pos', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[2])\n"
	"if ARGV[5] ~= '' then redis.call('HSET', key, ':low', ARGV[5]) end\n"
	"redis.call('PEXPIRE', key, ARGV[6])\n"
	"return {'WRITTEN', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[2]}\n";

const char *store_script_text(enum script script)
{
	static const char *const texts[SCRIPTS] = {
		[SCRIPT_PUBLISH] = publish,
		[SCRIPT_INDEX] = touchpoints,
		[SCRIPT_HEALTH] = health,
		[SCRIPT_CHECKPOINT] = checkpoint,
	};
	return texts[script];
}
