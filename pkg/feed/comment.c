#include "feed/feed_priv.h"

#include <string.h>

/* The corridor of an imaginary provider, in the customer's order. Themes: see below. */
const struct mood feed_moods[MOODS] = {
	{"web-shop", 22, 520, 310, 4}, {"store-visit", 14, 610, 270, 1}, {"order", 15, 560, 290, 3},
	{"delivery", 13, 480, 300, 2}, {"installation", 8, 430, 310, 1}, {"first-bill", 9, 300, 360, 3},
	{"app", 12, 450, 330, 4},      {"service-call", 7, 340, 310, 0},
};

/* What happened, by theme and face. Written for this program. */
static const char *const said[THEMES][3][4] = {
	/* 0 waiting */
	{{"I waited more than forty minutes before anybody answered",
	  "Half an hour in the queue and then the line went dead",
	  "Nobody called back although it was promised twice", "The waiting time is a joke"},
	 {"It took a while until somebody answered", "Waiting was all right for a Monday",
	  "Two transfers, then it was solved", "Could be quicker"},
	 {"Somebody answered at once and it was solved in five minutes", "No queue at all",
	  "They called back within the hour", "Quickest help I ever had"}},
	/* 1 people */
	{{"The person I met was rude and in a hurry", "Nobody seemed to know how it works",
	  "I was sent from one desk to the next", "The technician left without finishing"},
	 {"Friendly enough, but not sure about the details", "The staff did what they could",
	  "Correct, nothing more", "One colleague knew it, the other did not"},
	 {"Your colleague was patient and explained everything", "Such a friendly team",
	  "The technician was on time and left no mess", "I felt taken seriously"}},
	/* 2 delivery */
	{{"The parcel came three days late and the box was crushed",
	  "It was left with a neighbour I don't know", "The delivery slot was moved twice without a word",
	  "Half of what I ordered was missing"},
	 {"Came a day later than it said", "The driver was fine, the slot was not",
	  "Delivered, but the box was open", "Tracking was not of much use"},
	 {"Arrived a day early and well packed", "The driver even carried it upstairs",
	  "Tracking was right to the minute", "Ordered on Monday, in use on Tuesday"}},
	/* 3 price */
	{{"The bill is higher than what was agreed", "There is a fee nobody told me about",
	  "I was charged twice and nobody can say why", "Far too expensive for what you get"},
	 {"The bill is hard to read but it is right", "Price is about average",
	  "The discount came one month later", "It could be cheaper"},
	 {"Clear bill, fair price", "Cheaper than my old contract and better",
	  "The credit was there the next day", "Good value for money"}},
	/* 4 web and app */
	{{"The page crashed at the payment step, twice", "I can't log in since the last update",
	  "The form lost everything I had typed", "The app is slow and drains the battery"},
	 {"The page works but you have to search a lot", "Login by code is tedious",
	  "App is all right, a few clicks too many", "Works on the laptop, less on the phone"},
	 {"The app is quick and easy to use", "Found it and paid in two minutes",
	  "Simple, clear, no surprises", "Everything can be done in the app"}},
	/* 5 product */
	{{"The connection drops every evening", "The device stopped working after two days",
	  "Not what was in the description", "It never reached the speed that I pay for"},
	 {"It works most of the time", "Does what it should, set-up was fiddly",
	  "Speed is fine, range is not", "Quality is average"},
	 {"Works since the first minute", "Better quality than I expected",
	  "Fast and stable, even in the evening", "Set up in ten minutes"}},
	/* 6 information */
	{{"Every channel tells me something else", "The letter made no sense at all",
	  "I had to find out everything by myself", "Nobody told me that the shop is closed"},
	 {"Some more information would help", "The mail came late but it was clear", "I found it in the end",
	  "The manual is very short"},
	 {"I was kept informed at every step", "The messages were short and clear",
	  "I always knew what comes next", "Well explained"}},
	/* 7 returns */
	{{"I am still waiting for my refund after three weeks", "The return label did not work",
	  "They say the parcel never arrived", "My complaint was closed without an answer"},
	 {"The refund took two weeks", "Return was all right, the form is long", "It was replaced in the end",
	  "Had to ask once more"},
	 {"The refund was there in two days", "Return without any questions", "Replaced on the spot",
	  "The complaint was settled fairly"}},
};
static const char *const tails[3][6] = {
	{".", ". I would not do that again.", ". Please mend this!", ", and that is not the first time.",
	 ". Very disappointing.", " \xF0\x9F\x98\xA0"},
	{".", ". Fine, I suppose.", ", so let us see.", ".", ". Not bad, not great.",
	 ". OK f\xC3\xBCr mich."},
	{".", ". Thank you!", ". I tell all my friends.", ", just great.", ". Keep it up.",
	 " \xF0\x9F\x91\x8D"},
};

static size_t put(char *out, const char *text)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return len;
}

size_t feed_comment(char *out, unsigned theme, unsigned face, uint32_t words, bool social)
{
	size_t len = 0;
	/* Three in four speak of what their touchpoint is known for. */
	unsigned about = words % 4 ? theme : words / 4 % THEMES;
	if (social)
		len += put(out + len, words / 32 % 2 ? "@corridor_demo " : "#corridor ");
	len += put(out + len, said[about % THEMES][face][words / 64 % 4]);
	len += put(out + len, tails[face][words / 256 % 6]);
	if (words / 2048 % 3 == 0) { /* a longer one has a second thought */
		len += put(out + len, " ");
		len += put(out + len, said[words / 8192 % THEMES][face][words / 65536 % 4]);
		len += put(out + len, ".");
	}
	return len;
}
