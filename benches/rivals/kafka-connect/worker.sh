# Sourced by `run` and `mirror`: what they are told, taken apart, and a standalone worker's own configuration in $WORK.

if [[ ! $DATABASE_URL =~ ^postgres(ql)?://([^:@/]+)(:([^@/]*))?@([^/]+)/([^?]+) ]]; then
    echo "DATABASE_URL is not postgres://user:password@host:port/database" >&2
    exit 2
fi
user=${BASH_REMATCH[2]} password=${BASH_REMATCH[4]} host=${BASH_REMATCH[5]} database=${BASH_REMATCH[6]}

# A free port for the interface that nobody asks: another worker may run here.
cat >"$WORK/worker.properties" <<EOF
bootstrap.servers=$KAFKA_BOOTSTRAP
listeners=http://127.0.0.1:0
offset.storage.file.filename=$WORK/offsets
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
EOF

# The worker with the sink of $WORK/sink.properties, on the jars in the folder $1.
# The driver writes times in the time zone of the virtual machine.
work() {
    exec java -Xmx1g -XX:+UseParallelGC -Duser.timezone=UTC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1/libs/*" \
        org.apache.kafka.connect.cli.ConnectStandalone "$WORK/worker.properties" "$WORK/sink.properties"
}
