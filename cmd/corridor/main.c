#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argc, (void)argv;
	puts("corridor: no commands here yet");
	return 2;
}
