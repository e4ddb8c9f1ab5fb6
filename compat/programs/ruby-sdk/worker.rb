# The SDK for Ruby: the writer puts RECORDS records of KEYS keys, the reader reads every shard until it has seen them.
require "aws-sdk-v1"
require "uri"

endpoint = URI(ENV["AWS_ENDPOINT_URL"])
kinesis = AWS::Kinesis::Client.new(
  region: ENV["AWS_REGION"], kinesis_endpoint: endpoint.host, kinesis_port: endpoint.port,
  use_ssl: endpoint.scheme == "https", ssl_ca_file: ENV["SSL_CERT_FILE"])
stream, records, keys = ENV["STREAM"], ENV["RECORDS"].to_i, ENV["KEYS"].to_i
ledger = File.open(ENV["LEDGER"], "a")
tell = ->(*words) { ledger.syswrite("#{(Time.now.to_f * 1000).to_i} #{words.join(" ")}\n") }

if ENV["WORKER"] == "writer"
  (0...records).each_slice(keys) do |numbers|
    texts = numbers.map { |number| ["key-#{number % keys}", number / keys] }
    answer = kinesis.put_records(
      stream_name: stream, records: texts.map { |key, number| { partition_key: key, data: "#{key}:#{number}" } })
    texts.zip(answer[:records]).each do |(key, number), put|
      abort "ERROR #{put}" if put[:error_code]
      tell.("put", put[:shard_id], "#{key}:#{number}", put[:sequence_number], 1)
    end
  end
else
  shards = kinesis.describe_stream(stream_name: stream)[:stream_description][:shards].map { |shard| shard[:shard_id] }
  seen = shards.sum do |shard|
    iterator = kinesis.get_shard_iterator(
      stream_name: stream, shard_id: shard, shard_iterator_type: "TRIM_HORIZON")[:shard_iterator]
    page = kinesis.get_records(shard_iterator: iterator)
    page[:records].each { |record| tell.("record", shard, record[:data]) }
    page[:records].size
  end
  abort "ERROR saw #{seen} of #{records} records" if seen != records
end
