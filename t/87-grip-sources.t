#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# GRIP proxies receive what is published, however it is published, under each
# MPM; and a limited number of workers waits for them.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Background;
use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
my $example = EventStream::Httpd->builddir
    . '/t/example/.libs/mod_es_example.so';
my $handlers = <<'CONF';
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub contents
{
    return map { $_->{formats}{'http-stream'}{content} } @_;
}

my $httpd = EventStream::Httpd->start(
    ssl => 1,
    mpm_conf => "StartServers 1\nServerLimit 1\nThreadsPerChild 10\n"
        . "MaxRequestWorkers 10\n",
    prelude => "LoadModule es_example_module \"$example\"\n",
    conf => <<"CONF");
EventStreamGrip "@{[$proxy->url]}"
EventStreamGripTimeout 2
EventStreamGripMaxWaiting 1
EventStreamHub patient size=64m
EventStreamGrip hub=patient "@{[$proxy->url]}"
EventStreamGripTimeout hub=patient 60
EventStreamGripOnError hub=patient ignore
EventStreamHub tiny size=256k
EventStreamGrip hub=tiny "@{[$proxy->url]}"
EventStreamGripTimeout hub=tiny 60
EventStreamGripOnError hub=tiny ignore
EventStreamHub tls size=1m
EventStreamGrip hub=tls "https://127.0.0.1:\@SSL_PORT\@/"
EventStreamHub nowhere size=1m
EventStreamGrip hub=nowhere "http://no-such-host.invalid/"
$handlers
<Location "/patient">
    SetHandler eventstream-publish
    EventStreamUseHub patient
</Location>
<Location "/tiny">
    SetHandler eventstream-publish
    EventStreamUseHub tiny
</Location>
<Location "/tls">
    SetHandler eventstream-publish
    EventStreamUseHub tls
</Location>
<Location "/nowhere">
    SetHandler eventstream-publish
    EventStreamUseHub nowhere
</Location>
<Location "/metrics">
    SetHandler eventstream-metrics
    Require local
</Location>
<Location "/order">
    SetHandler es-example-order
</Location>
CONF

# ---- GRIP items ------------------------------------------------------------

sub items
{
    return request($httpd, 'POST', '/publish/',
        headers => ['Content-Type: application/json'],
        body => JSON::PP::encode_json({items => [@_]}));
}

my @items = (
    {channel => 'events-a', 'http-stream' => {content => "data: one\n\n"}},
    {channel => 'events-a', 'http-stream' => {action => 'close'}},
    {channel => 'events-b', 'http-stream' => {content => "data: two\n\n"}});
is items(@items)->{body}, "Published\n", 'GRIP items are published';
my @got = $proxy->items;
is_deeply [map { $_->{channel} } @got], [qw(events-a events-a events-b)],
    'GRIP items are sent on to the proxy';
like +(contents(@got))[0], qr/\Aid: \S+\ndata: one\n\n\z/,
    'their content has an id of ours';
is $got[1]{formats}{'http-stream'}{action}, 'close',
    'the action close is sent on, too';
$proxy->mode('status 500');
my $answer = items(@items);
is $answer->{status}, 502, 'a failure of the proxy is 502';
like $answer->{body}, qr/^Stored.*status 500\.$/,
    'the answer has the status of the proxy';
$proxy->mode('ok');
is items($items[2])->{status}, 200,
    'the proxy accepts again: the answer is 200';
is scalar(contents($proxy->items)), 4, 'failed items are not sent again';

# ---- NDJSON ----------------------------------------------------------------

sub lines
{
    my ($path, @texts) = @_;
    my $answer = request($httpd, 'POST', $path,
        headers => ['Content-Type: application/x-ndjson'],
        body => join '', map { qq({"channel": "a", "text": "$_"}\n) } @texts);
    return ($answer->{status}, JSON::PP::decode_json($answer->{body}));
}

sub grip_result
{
    my ($error) = @_;
    return [{proxy => $proxy->url . '/', $error
        ? (ok => JSON::PP::false, error => $error) : (ok => JSON::PP::true)}];
}

$proxy->clear;
my ($status, $result) = lines('/publish', 1 .. 3);
is $status, 200, 'NDJSON is published';
is_deeply [map { /^data: (.*)$/m } contents($proxy->items)], [1 .. 3],
    'its events are sent on to the proxy';
is_deeply $result->{grip}, grip_result(), 'the answer lists the proxy as ok';
$proxy->mode('status 500');
($status, $result) = lines('/publish', 4);
is $status, 502, 'a failure of the proxy is 502';
is $result->{published}, 1, 'the event is published all the same';
is_deeply $result->{grip}, grip_result('status 500'),
    'the answer lists the error';
like $result->{error}, qr/^Stored.*status 500\.$/,
    'the answer has a sentence with the error';
($status, $result) = lines('/publish');
is_deeply $result, {published => 0, id => undef, clients => 0},
    'a body without events lists no proxy';

# The journal is so small that these lines are several batches.
$proxy->mode('reject bad');
($status, $result) = lines('/tiny', 'bad', ('x' x 1000) x 40);
is $status, 200, 'EventStreamGripOnError ignore: a body with a failure is 200';
is $result->{published}, 41,
    'EventStreamGripOnError ignore: all its events are published';
is_deeply $result->{grip}, grip_result('status 400'),
    'the failure is listed although later events were accepted';
$proxy->mode('ok');

# All of it is more than the connection holds: if it was written, it was read.
$proxy->clear;
$proxy->mode('silent');
my $body = join '', map {
    qq({"channel": "lines", "text": "$_ ) . 'x' x 1000 . qq("}\n)
} 1 .. 6_000;
my $writer = in_background(sub {
    my $answer = request($httpd, 'POST', '/patient', body => $body,
        headers => ['Content-Type: application/x-ndjson'], timeout => 60);
    return {status => $answer->{status}, body => $answer->{body}};
});
wait_for(sub { $proxy->requests }, 10, 'the first of many lines are sent');
my $stored = sub {
    my $answer = get($httpd, '/patient?channel=lines');
    return JSON::PP::decode_json($answer->{body})->{channels}[0]{events};
};
my $before = $stored->();
sleep 1;
is $stored->(), $before, 'no line is read while the proxy does not answer';
cmp_ok $before, '<', 6_000, 'not all lines were read';
$proxy->mode('ok');
$proxy->drop_waiting;
like $writer->()->{body}, qr/"published": 6000,/,
    'all lines are published when the proxy answers';

# ---- Other modules ---------------------------------------------------------

$proxy->clear;
$answer = request($httpd, 'POST', '/order?table=4&dish=soup');
is $answer->{status}, 200, 'another module publishes';
is_deeply [map { $_->{channel} } $proxy->items],
    [qw(events-kitchen events-table-4)], 'its events are sent on to the proxy';

# ---- Errors of libcurl -----------------------------------------------------

$answer = publish($httpd, 'a', 'x', path => '/tls');
is $answer->{json}{grip}[0]{error}, 'TLS failed',
    'a certificate that is not trusted';
$answer = publish($httpd, 'a', 'x', path => '/nowhere');
like $answer->{json}{grip}[0]{error}, qr/cannot be resolved|in time/,
    'a host name that does not resolve, as soon as the resolver knows';

# ---- Workers that wait -----------------------------------------------------

$proxy->mode('silent');
my @answers = map { $_->() }
    map { publish_in_background($httpd, 'a', $_) } 1 .. 3;
is scalar(grep { $_->{status} == 502 } @answers), 3,
    'no publisher gets 200 while the proxy does not answer';
my @sent_away = grep { $_->{body} =~ /too many publishers wait/ } @answers;
is scalar @sent_away, 2, 'one publisher waits, the others are refused';
is scalar(grep { ($_->{retry} || 0) > 0 } @sent_away), 2,
    'a refusal has Retry-After';
like get($httpd, '/metrics')->{body},
    qr/^eventstream_limit_reached_total\{limit="GripMaxWaiting"\} 2$/m,
    'the metrics count the refusals';
is scalar(grep { /no answer in time/ } map { $_->{body} } @answers), 1,
    'the publisher that waits gets the timeout';
$proxy->mode('ok');
$proxy->drop_waiting;
is publish($httpd, 'a', 'y')->{status}, 200,
    'publishing gets 200 when the proxy answers again';

# ---- A proxy that the journal has overtaken --------------------------------

$proxy->clear;
$proxy->mode('silent');
my $first = publish_in_background($httpd, 'a', 'first', path => '/tiny');
wait_for(sub { $proxy->requests }, 10, 'an event is being sent');
my @big = map {
    request($httpd, 'POST', '/tiny', timeout => 30,
        headers => ['Content-Type: application/json'],
        body => JSON::PP::encode_json(
            [map { {channel => 'a', text => $_ x 30_000} } 1 .. 3]))->{status}
} 1 .. 5;
is_deeply \@big, [(200) x 5],
    'more events than the journal holds are published meanwhile';
$proxy->mode('ok');
$proxy->drop_waiting;
is $first->()->{status}, 200,
    'the first publisher gets 200 when the proxy answers';
is publish($httpd, 'a', 'last', path => '/tiny')->{json}{grip}[0]{ok},
    JSON::PP::true, 'the next event is accepted';
my @texts = map { /^data: (.)(.*)$/m ? "$1$2" : () } contents($proxy->items);
is $texts[-1], 'last', 'the proxy has the last event';
cmp_ok scalar @texts, '<', 16, 'the proxy does not have the evicted events';
is substr($texts[-2], 0, 1), 3, 'the proxy has the events that the journal has';
wait_for(sub { $httpd->error_log =~ /ES0630.*\btiny\b/ }, 10,
    'the overtaken proxy is logged');

is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- The other MPMs --------------------------------------------------------

for my $mpm (qw(worker prefork)) {
    next if !EventStream::Httpd->has_module("mpm_$mpm");
    my $other = EventStream::Httpd->start(mpm => $mpm,
        conf => "EventStreamGrip \"@{[$proxy->url]}\"\n$handlers");
    $proxy->mode('ok');
    $proxy->clear;
    my $bad = grep { publish($other, 'a', $_)->{status} != 200 } 1 .. 10;
    is $bad, 0, "$mpm: 10 events are published";
    is_deeply [map { /^data: (.*)$/m } contents($proxy->items)], [1 .. 10],
        "$mpm: the proxy has them in order";
    $proxy->mode('silent');
    my $waiting = publish_in_background($other, 'a', 'waits');
    wait_for(sub { grep { /waits/ } map { $_->{body} } $proxy->requests }, 10,
        "$mpm: a publisher waits");
    is $other->stop, 0, "$mpm: httpd stops with exit status 0 meanwhile";
    unlike $other->error_log, qr/ES0635/,
        "$mpm: the sender thread ends in time";
    $waiting->();
}
done_testing;
