#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# GRIP proxies get what is published, however it is published, under each MPM;
# and a bounded number of workers waits for them.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Beside;
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
    'and go on to the proxy';
like +(contents(@got))[0], qr/\Aid: \S+\ndata: one\n\n\z/, 'as we send them';
is $got[1]{formats}{'http-stream'}{action}, 'close', 'ends, too';
$proxy->mode('status 500');
my $answer = items(@items);
is $answer->{status}, 502, 'a proxy does not take them';
like $answer->{body}, qr/^Stored.*status 500\.$/, 'says the answer';
$proxy->mode('ok');
is items($items[2])->{status}, 200, 'it does again';
is scalar(contents($proxy->items)), 4, 'what has failed is not sent again';

# ---- Lines -----------------------------------------------------------------

sub lines
{
    my ($path, @texts) = @_;
    my $answer = request($httpd, 'POST', $path,
        headers => ['Content-Type: application/x-ndjson'],
        body => join '', map { qq({"channel": "a", "text": "$_"}\n) } @texts);
    return ($answer->{status}, JSON::PP::decode_json($answer->{body}));
}

sub said
{
    my ($error) = @_;
    return [{proxy => $proxy->url . '/', $error
        ? (ok => JSON::PP::false, error => $error) : (ok => JSON::PP::true)}];
}

$proxy->forget;
my ($status, $told) = lines('/publish', 1 .. 3);
is $status, 200, 'lines are published';
is_deeply [map { /^data: (.*)$/m } contents($proxy->items)], [1 .. 3],
    'and go on to the proxy';
is_deeply $told->{grip}, said(), 'which took them, says the answer';
$proxy->mode('status 500');
($status, $told) = lines('/publish', 4);
is $status, 502, 'it does not take one';
is $told->{published}, 1, 'which is stored';
is_deeply $told->{grip}, said('status 500'), 'the answer tells what it said';
like $told->{error}, qr/^Stored.*status 500\.$/, 'also in a sentence';
($status, $told) = lines('/publish');
is_deeply $told, {published => 0, id => undef, clients => 0},
    'nothing is told of proxies where nothing was stored';

# The journal is so small that these are several batches.
$proxy->mode('picky poison');
($status, $told) = lines('/tiny', 'poison', ('x' x 1000) x 40);
is $status, 200, 'with EventStreamGripOnError ignore a stream goes on';
is $told->{published}, 41, 'to its end';
is_deeply $told->{grip}, said('status 400'),
    'a failure is told, though later lines were taken';
$proxy->mode('ok');

# All of it is more than the connection holds: when it was written, it was read.
$proxy->forget;
$proxy->mode('silent');
my $body = join '', map {
    qq({"channel": "lines", "text": "$_ ) . 'x' x 1000 . qq("}\n)
} 1 .. 6_000;
my $writer = beside(sub {
    my $answer = request($httpd, 'POST', '/patient', body => $body,
        headers => ['Content-Type: application/x-ndjson'], timeout => 60);
    return {status => $answer->{status}, body => $answer->{body}};
});
wait_for(sub { $proxy->requests }, 10, 'the first of many lines were sent');
my $stored = sub {
    my $answer = get($httpd, '/patient?channel=lines');
    return JSON::PP::decode_json($answer->{body})->{channels}[0]{events};
};
my $before = $stored->();
sleep 1;
is $stored->(), $before, 'no line is read while the proxy does not answer';
cmp_ok $before, '<', 6_000, 'and not all were';
$proxy->mode('ok');
$proxy->hang_up;
like $writer->()->{body}, qr/"published": 6000,/, 'then all are published';

# ---- Other modules ---------------------------------------------------------

$proxy->forget;
$answer = request($httpd, 'POST', '/order?table=4&dish=soup');
is $answer->{status}, 200, 'another module publishes';
is_deeply [map { $_->{channel} } $proxy->items],
    [qw(events-kitchen events-table-4)], 'and it goes on to the proxy';

# ---- What curl says --------------------------------------------------------

$answer = publish($httpd, 'a', 'x', path => '/tls');
is $answer->{json}{grip}[0]{error}, 'TLS failed',
    'a certificate that nobody knows';
$answer = publish($httpd, 'a', 'x', path => '/nowhere');
like $answer->{json}{grip}[0]{error}, qr/cannot be resolved|in time/,
    'a host that is not there, as fast as the resolver knows';

# ---- Who waits -------------------------------------------------------------

$proxy->mode('silent');
my @answers = map { $_->() } map { publish_beside($httpd, 'a', $_) } 1 .. 3;
is scalar(grep { $_->{status} == 502 } @answers), 3, 'nobody gets 200';
my @sent_away = grep { $_->{body} =~ /too many wait/ } @answers;
is scalar @sent_away, 2, 'one waits, the others are sent away';
is scalar(grep { ($_->{retry} || 0) > 0 } @sent_away), 2, 'for a while';
is scalar(grep { /no answer in time/ } map { $_->{body} } @answers), 1,
    'the one waits to the end';
$proxy->mode('ok');
$proxy->hang_up;
is publish($httpd, 'a', 'y')->{status}, 200, 'then all is well';

# ---- A proxy that the journal has overtaken --------------------------------

$proxy->forget;
$proxy->mode('silent');
my $first = publish_beside($httpd, 'a', 'first', path => '/tiny');
wait_for(sub { $proxy->requests }, 10, 'an event is on its way');
my @big = map {
    request($httpd, 'POST', '/tiny', timeout => 30,
        headers => ['Content-Type: application/json'],
        body => JSON::PP::encode_json(
            [map { {channel => 'a', text => $_ x 30_000} } 1 .. 3]))->{status}
} 1 .. 5;
is_deeply \@big, [(200) x 5], 'more than the journal holds comes meanwhile';
$proxy->mode('ok');
$proxy->hang_up;
is $first->()->{status}, 200, 'the proxy answers again';
is publish($httpd, 'a', 'last', path => '/tiny')->{json}{grip}[0]{ok},
    JSON::PP::true, 'and takes what comes';
my @texts = map { /^data: (.)(.*)$/m ? "$1$2" : () } contents($proxy->items);
is $texts[-1], 'last', 'the newest is there';
cmp_ok scalar @texts, '<', 16, 'what was gone by then is not';
is substr($texts[-2], 0, 1), 3, 'but what the journal has';
like $httpd->error_log, qr/ES0630: hub tiny/, 'and that is logged';

is $httpd->stop, 0, 'httpd ends well';

# ---- The other MPMs --------------------------------------------------------

for my $mpm (qw(worker prefork)) {
    next if !EventStream::Httpd->has_module("mpm_$mpm");
    my $other = EventStream::Httpd->start(mpm => $mpm,
        conf => "EventStreamGrip \"@{[$proxy->url]}\"\n$handlers");
    $proxy->mode('ok');
    $proxy->forget;
    my $bad = grep { publish($other, 'a', $_)->{status} != 200 } 1 .. 10;
    is $bad, 0, "$mpm: published";
    is_deeply [map { /^data: (.*)$/m } contents($proxy->items)], [1 .. 10],
        "$mpm: in order";
    $proxy->mode('silent');
    my $waiting = publish_beside($other, 'a', 'waits');
    wait_for(sub { grep { /waits/ } map { $_->{body} } $proxy->requests }, 10,
        "$mpm: one waits");
    is $other->stop, 0, "$mpm: it ends all the same";
    unlike $other->error_log, qr/ES0635/, "$mpm: the courier in time";
    $waiting->();
}
done_testing;
