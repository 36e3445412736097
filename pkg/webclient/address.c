#include "webclient/webclient.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* What is not the public internet, by the IANA registries of special-purpose addresses. */
static const struct {
	unsigned char at[4];
	unsigned bits;
} closed4[] = {
	{{0, 0, 0, 0}, 8}, /* this network; 0.0.0.0 connects to this host */
	{{10, 0, 0, 0}, 8}, /* private */
	{{100, 64, 0, 0}, 10}, /* shared: carrier NAT, and the metadata of some clouds */
	{{127, 0, 0, 0}, 8}, /* loopback */
	{{169, 254, 0, 0}, 16}, /* link-local, and the metadata of the other clouds */
	{{172, 16, 0, 0}, 12}, /* private */
	{{192, 0, 0, 0}, 24}, /* protocol assignments */
	{{192, 168, 0, 0}, 16}, /* private */
	{{198, 18, 0, 0}, 15}, /* benchmarks of networks */
	{{224, 0, 0, 0}, 3}, /* multicast, reserved, broadcast */
};

static const struct {
	unsigned char at[16];
	unsigned bits;
} closed6[] = {
	{{0}, 96}, /* ::, ::1 and IPv4-compatible ones */
	{{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48}, /* translation within a site */
	{{0xfc}, 7}, /* unique-local */
	{{0xfe, 0x80}, 9}, /* link-local and the old site-local */
	{{0xff}, 8}, /* multicast */
};

static bool begins(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	return memcmp(address, prefix, whole) == 0 &&
	       (rest == 0 || ((address[whole] ^ prefix[whole]) & (0xff << (8 - rest)) & 0xff) == 0);
}

static bool public4(const unsigned char *address)
{
	for (unsigned i = 0; i < sizeof closed4 / sizeof *closed4; i++) {
		if (begins(address, closed4[i].at, closed4[i].bits))
			return false;
	}
	return true;
}

static bool public6(const unsigned char *address)
{
	static const unsigned char mapped[12] = {[10] = 0xff, 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b},
				   six_to_four[2] = {0x20, 0x02};
	if (begins(address, mapped, 96) || begins(address, nat64, 96))
		return public4(address + 12);
	if (begins(address, six_to_four, 16))
		return public4(address + 2);
	for (unsigned i = 0; i < sizeof closed6 / sizeof *closed6; i++) {
		if (begins(address, closed6[i].at, closed6[i].bits))
			return false;
	}
	return true;
}

bool webclient_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return public4((const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr);
	if (address->sa_family == AF_INET6)
		return public6((const unsigned char *)&((const struct sockaddr_in6 *)address)->sin6_addr);
	return false;
}
