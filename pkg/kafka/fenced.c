#include "kafka/kafka.h"

#include "kafka/kafka_priv.h"

/*
 * A static member is told that it was fenced when its name joined the group once more. That is another instance under our name, and
 * the one that was there first ends. Or it is ourselves: a broker that stood still for longer than our session finds our request to join
 * again twice, the second time in what an abandoned connection had sent, and so would end every instance of a deployment at once.
 *
 * The broker does not say which (a member's description keeps the client's id of whoever joined first). But the second only follows
 * when our session was lost, so then we join again. If it was the first after all, if we are the one that stood still and another was
 * started in our place, it has fenced our transactional ids, so nothing that we do counts, and we end by that.
 */

enum { AWAY_MS = 60000 };

void kafka_fenced_note(struct kafka_consumer *consumer)
{
	int64_t now_ms = kafka_now_ms();
	if (consumer->polled_ms > 0 && now_ms - consumer->polled_ms > consumer->session_ms / 2)
		consumer->away_ms = now_ms; /* it was ours to stand still */
	consumer->polled_ms = now_ms;
}

bool kafka_consumer_was_away(const struct kafka_consumer *consumer)
{
	return consumer->away_ms > 0 && kafka_now_ms() - consumer->away_ms < AWAY_MS;
}

static bool renew(struct kafka_consumer *consumer, struct err *err)
{
	rd_kafka_t *old = consumer->rk,
		   *fresh = kafka_conf_client(RD_KAFKA_CONSUMER, rd_kafka_conf_dup(rd_kafka_conf(old)),
					      consumer, consumer->log.options->brokers, err);
	if (fresh == NULL)
		return false;
	rd_kafka_poll_set_consumer(fresh);
	rd_kafka_queue_t *old_queue = consumer->queue;
	pthread_mutex_lock(&consumer->lock);
	consumer->rk = fresh;
	consumer->queue = rd_kafka_queue_get_consumer(fresh);
	pthread_mutex_unlock(&consumer->lock);
	consumer->stats.rebalances = 0; /* of this client: see kafka_rebalance_leave() */
	rd_kafka_queue_destroy(old_queue);
	rd_kafka_destroy_flags(old, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return kafka_consumer_subscribe(consumer, err);
}

bool kafka_fenced_serve(struct kafka_consumer *consumer, struct err *err)
{
	if (!kafka_consumer_was_away(consumer)) {
		err_set(err,
			"another instance runs in group %s under the name %s; give each its own "
			"kafka.instance",
			consumer->log.options->group, kafka_instance(consumer->log.options));
		err->lasting = true;
		return false;
	}
	kafka_say(consumer->log.options, KAFKA_LOG_WARNING,
		  "fenced after our session was lost: the broker may have taken our own request for "
		  "another's; joining again");
	kafka_rebalance_lose(consumer);
	kafka_rebalance_leave(consumer);
	return renew(consumer, err);
}
