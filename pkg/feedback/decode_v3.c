/*
 * The pass, the verdict and the times once more: the Makefile compiles *_v3.c for x86-64 processors with
 * AVX2 and BMI, and feedback_create takes what this machine can run. All in one, so that the calls between
 * them cost nothing either.
 */
#define scan_message   scan_message_v3
#define feedback_time  feedback_time_v3
#define time_number    time_number_v3
#define decode_message decode_message_v3

// NOLINTBEGIN(bugprone-suspicious-include): it is the same code that is wanted again
#include "feedback/scan.c"

#include "feedback/time.c"

#include "feedback/decode.c"
// NOLINTEND(bugprone-suspicious-include)
