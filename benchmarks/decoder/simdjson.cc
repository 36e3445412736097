/* Built for AVX2 whatever the other files are built for: simdjson chooses its code when it is compiled. The pragma alone is not enough,
 * since g++ defines __AVX2__ only after it has read the header's #if. */
#if defined(__x86_64__)
#pragma GCC optimize("O3")
#pragma GCC target("avx2,bmi,bmi2,pclmul,lzcnt,popcnt")
#define SIMDJSON_BUILTIN_IMPLEMENTATION haswell
#endif
#include <simdjson.h>

#include "rivals.h"

using namespace simdjson;

bool rival_simdjson_ready(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
	return true;
#endif
}

namespace
{

/* What was read: lengths and values of all fields. A wrong type throws. */
struct reading {
	uint64_t sum = 0;
	void text(std::string_view value)
	{
		sum += value.size() + uint8_t(value[0]);
	}
	void number(int64_t value)
	{
		sum += uint64_t(value);
	}
};

void dims(ondemand::object object, reading &read)
{
	for (auto field : object) {
		read.text(field.unescaped_key());
		read.text(std::string_view(field.value().get_string()));
	}
}

/* A value that no field wants: checked, which On-Demand does only for what it is asked. */
void check(ondemand::value value)
{
	switch (value.type()) {
	case ondemand::json_type::object:
		for (auto field : value.get_object()) {
			(void)std::string_view(field.unescaped_key());
			check(field.value());
		}
		break;
	case ondemand::json_type::array:
		for (auto element : value.get_array())
			check(element.value());
		break;
	case ondemand::json_type::string: (void)std::string_view(value.get_string()); break;
	case ondemand::json_type::number: (void)value.get_number().value(); break;
	case ondemand::json_type::boolean: (void)bool(value.get_bool()); break;
	default:
		if (!value.is_null())
			throw simdjson_error(N_ATOM_ERROR);
	}
}

} // namespace

uint64_t rival_simdjson_members(const char *message, size_t len, size_t allocated)
{
	try {
		static ondemand::parser parser;
		reading read;
		auto document = parser.iterate(padded_string_view(message, len, allocated));
		for (auto field : document.get_object()) {
			ondemand::raw_json_string key = field.key();
			ondemand::value value = field.value();
			if (key == "id")
				read.text(value.get_string());
			else if (key == "time")
				read.text(value.get_string());
			else if (key == "kind")
				read.text(value.get_string());
			else if (key == "touchpoint")
				read.text(value.get_string());
			else if (key == "score")
				read.number(value.get_int64());
			else if (key == "comment")
				read.text(value.get_string());
			else if (key == "customer")
				read.text(value.get_string());
			else if (key == "dims")
				dims(value.get_object(), read);
			else
				check(value);
		}
		return document.current_location().error() == OUT_OF_BOUNDS ? read.sum : 0;
	} catch (const simdjson_error &) {
		return 0;
	}
}

uint64_t rival_simdjson_ordered(const char *message, size_t len, size_t allocated)
{
	try {
		static ondemand::parser parser;
		reading read;
		auto document = parser.iterate(padded_string_view(message, len, allocated));
		ondemand::object object = document.get_object();
		read.text(object.find_field("id").get_string());
		read.text(object.find_field("time").get_string());
		read.text(object.find_field("kind").get_string());
		read.text(object.find_field("touchpoint").get_string());
		read.number(object.find_field("score").get_int64());
		read.text(object.find_field("comment").get_string());
		read.text(object.find_field("customer").get_string());
		dims(object.find_field("dims").get_object(), read);
		check(object.find_field("source").value());
		return read.sum; /* that nothing follows the last member is not looked at */
	} catch (const simdjson_error &) {
		return 0;
	}
}
