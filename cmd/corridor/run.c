#include "commands.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "log/log.h"
#include "os/os.h"
#include "pipeline/pipeline.h"

/* What can change while it runs does; what can't is said, and the old values stay. */
static void reload(struct pipeline *pipeline, const char *path, struct config *config)
{
	struct config_report report = {0};
	struct config_changes changes = {0};
	struct config *fresh = config_load(path, CONFIG_FOR_RUN, &report);
	if (fresh == NULL) {
		for (unsigned i = 0; i < report.count; i++)
			log_error("%s:%u: %s", path, report.at[i].line, report.at[i].text);
		log_error("nothing was reloaded: the running configuration stays");
		config_report_release(&report);
		return;
	}
	config_compare(config, fresh, &changes);
	for (unsigned i = 0; i < changes.count; i++) {
		if (changes.at[i].live)
			log_info("%s: applied", changes.at[i].text);
		else
			log_warn("%s", changes.at[i].text);
	}
	if (changes.count == 0)
		log_info("%s read again: nothing changed", path);
	config_apply_live(config, fresh);
	log_setup(&config->log);
	pipeline_reload(pipeline, config);
	config_changes_release(&changes);
	config_report_release(&report);
	config_destroy(fresh);
}

static bool serve(struct pipeline *pipeline, struct os_signals *signals, const char *path,
		  struct config *config, struct err *err)
{
	for (;;) {
		enum os_signal signal = os_signals_wait(signals, 1000);
		if (signal == OS_SIGNAL_STOP) {
			log_info("stopping: what was read is committed and written out");
			return true;
		}
		if (signal == OS_SIGNAL_RELOAD)
			reload(pipeline, path, config);
		if (!pipeline_tick(pipeline, err))
			return false;
	}
}

static void say_start(const struct pipeline *pipeline, const struct config *config)
{
	for (unsigned i = 0; config->intake_here && i < config->sources_count; i++)
		log_info("reads %s as %s", config->sources[i].topic,
			 ledger_name((enum ledger)config->sources[i].kind));
	if (config->watch_here)
		log_info("keeps %u windows, publishes to Redis under %s:", config->windows_count,
			 config->redis.prefix);
	if (pipeline_http_port(pipeline))
		log_info("metrics, health and readiness on port %u", pipeline_http_port(pipeline));
}

static void say_end(struct pipeline *pipeline)
{
	struct pipeline_figures f = pipeline_figures(pipeline);
	uint64_t rejected = 0;
	for (unsigned i = 0; i < FEEDBACK_REASONS; i++)
		rejected += f.counts.rejected[i];
	log_info("read %" PRIu64 " messages: %" PRIu64 " edits, %" PRIu64 " deletions, %" PRIu64
		 " duplicates, %" PRIu64 " superseded, %" PRIu64 " dead letters; %" PRIu64
		 " commits, %" PRIu64 " publications",
		 f.counts.consumed, f.counts.edits, f.counts.deletions, f.counts.duplicates,
		 f.counts.superseded, rejected, f.commits, f.published);
}

static int run(const char *path, struct config *config)
{
	struct err err = {0};
	struct pipeline_setup setup = {0};
	struct pipeline *pipeline = NULL;
	bool fine = false;
	struct os_signals *signals = os_signals_open(&err); /* before the first thread */
	if (signals == NULL || !pipeline_setup_from(&setup, config, &err))
		goto out;
	pipeline = pipeline_create(&setup, &err);
	if (pipeline == NULL || !pipeline_start(pipeline, &err))
		goto out;
	say_start(pipeline, config);
	fine = serve(pipeline, signals, path, config, &err);
	pipeline_stop(pipeline);
	say_end(pipeline);
out:
	pipeline_destroy(pipeline);
	pipeline_setup_release(&setup);
	os_signals_close(signals);
	return fine ? EXIT_FINE : command_failed(&command_run, &err);
}

static int run_run(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {0}};
	const char *path = NULL;
	int c;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (c != 'c')
			return EXIT_USAGE;
		path = optarg;
	}
	if (optind < argc)
		return command_usage(&command_run, "what is '%s'?", argv[optind]);
	if (path == NULL)
		return command_usage(&command_run, "--config FILE is missing");
	struct config_report report = {0};
	struct config *config = config_load(path, CONFIG_FOR_RUN, &report);
	if (config == NULL) {
		config_report_print(&report, path, stderr);
		config_report_release(&report);
		return EXIT_USAGE;
	}
	config_report_release(&report);
	log_setup(&config->log);
	int code = run(path, config);
	config_destroy(config);
	return code;
}

const struct command command_run = {
	.name = "run",
	.summary = "read feedback from Kafka, keep rolling NPS per touchpoint in Redis",
	.help = "usage: corridor run --config FILE\n"
		"\n"
		"Reads the sources of FILE from Kafka and publishes to Redis until SIGTERM or SIGINT: then "
		"it commits what it\n"
		"has read, writes out what changed and leaves. SIGHUP reads FILE again: what can change "
		"while it runs does,\n"
		"for the rest it says that a restart is needed. Topics that it owns are created if absent.\n"
		"\n"
		"Exit codes: 0 stopped by a signal; 1 something outside failed for good, or the machine's "
		"clock was set far\n"
		"off: starting again may mend it; 2 the configuration is wrong, every mistake is listed and "
		"nothing was\n"
		"started; 3 starting again mends nothing: another instance runs under this name, or what our "
		"topics hold was\n"
		"written with other settings.\n",
	.run = run_run,
};
