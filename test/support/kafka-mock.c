/*
 * A Kafka cluster in memory: librdkafka's own mock, which speaks the protocol to any client.
 * Prints its bootstrap servers, then takes commands from stdin, one a line, and answers each with
 * "ok" or "error REASON". Ends when stdin ends.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ERRORS 64

static rd_kafka_resp_err_t push_errors(rd_kafka_mock_cluster_t *cluster, char *arguments) {
  rd_kafka_resp_err_t errors[MAX_ERRORS];
  size_t count = 0;
  char *word = strtok(arguments, " ");
  int key = word ? atoi(word) : -1;
  while ((word = strtok(NULL, " ")) && count < MAX_ERRORS) errors[count++] = atoi(word);
  rd_kafka_mock_push_request_errors_array(cluster, (int16_t)key, count, errors);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t run(rd_kafka_mock_cluster_t *cluster, char *line) {
  char name[256];
  int a, b;
  if (sscanf(line, "down %d", &a) == 1) return rd_kafka_mock_broker_set_down(cluster, a);
  if (sscanf(line, "up %d", &a) == 1) return rd_kafka_mock_broker_set_up(cluster, a);
  if (sscanf(line, "rtt %d %d", &a, &b) == 2) return rd_kafka_mock_broker_set_rtt(cluster, a, b);
  if (sscanf(line, "leader %255s %d %d", name, &a, &b) == 3)
    return rd_kafka_mock_partition_set_leader(cluster, name, a, b);
  if (sscanf(line, "topic %255s %d %d", name, &a, &b) == 3)
    return rd_kafka_mock_topic_create(cluster, name, a, b);
  if (strncmp(line, "errors ", 7) == 0) return push_errors(cluster, line + 7);
  return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

int main(int argc, char **argv) {
  char reason[512], line[1024];
  rd_kafka_conf_t *configuration = rd_kafka_conf_new();
  rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, reason, sizeof(reason));
  rd_kafka_mock_cluster_t *cluster;
  if (!kafka || !(cluster = rd_kafka_mock_cluster_new(kafka, argc > 1 ? atoi(argv[1]) : 3))) {
    fprintf(stderr, "no mock cluster: %s\n", reason);
    return 1;
  }
  printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
  fflush(stdout);
  while (fgets(line, sizeof(line), stdin)) {
    line[strcspn(line, "\n")] = '\0';
    rd_kafka_resp_err_t error = run(cluster, line);
    if (error) printf("error %s\n", rd_kafka_err2str(error));
    else printf("ok\n");
    fflush(stdout);
  }
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(kafka);
  return 0;
}
