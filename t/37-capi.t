#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# include/mod_eventstream.h, used by modules that know nothing else of us, in
# t/example: mod_es_example.c calls all that it offers, mod_es_misuse.c and
# mod_es_faulty.c make the mistakes that a caller can make.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $examples = EventStream::Httpd->builddir . '/t/example/.libs';
plan skip_all => "needs $examples (make check builds it)"
    if !-f "$examples/mod_es_example.so";

my $load = join '', map {
    "LoadModule es_${_}_module \"$examples/mod_es_$_.so\"\n"
} qw(example misuse faulty);

my $handlers = <<'CONF';
<Location "/order">
    SetHandler es-example-order
</Location>
<Location "/close">
    SetHandler es-example-close
</Location>
<Location "/count">
    SetHandler es-example-count
</Location>
<LocationMatch "^/(watch|kitchen/watch)">
    SetHandler es-example-watch
</LocationMatch>
<LocationMatch "^/watch/own">
    SetHandler es-example-watch
    Require expr "%{EVENTSTREAM_CHANNEL} in {'', 'table-4'}"
</LocationMatch>
<Location "/misuse/">
    SetHandler es-misuse
</Location>
<Location "/faulty-run">
    SetHandler es-faulty-run
</Location>
<Location "/faulty-grip">
    SetHandler es-faulty-run
    EventStreamUseHub proxied
</Location>
<Location "/faulty-sub">
    SetHandler es-faulty-sub
</Location>
CONF

my $conf = <<"CONF" . <<'REST';
$handlers
CONF
EsExampleJournal "@ROOT@/tmp/journal"
EventStreamHub shop size=256k
EventStreamHub proxied size=256k
EventStreamGrip hub=proxied http://127.0.0.1:1/
EventStreamMaxEventSize 100
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub default
</Location>
<Location "/shop">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub shop
</Location>
<Location "/proxied">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub proxied
</Location>
<LocationMatch "^/publish">
    SetHandler eventstream-publish
    EventStreamAllowChannel nothing chain silent
</LocationMatch>
<Location "/kitchen">
    AuthType Basic
    AuthName kitchen
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
<Location "/faulty-run">
    EventStreamAllowOrigin https://www.example.com
    EventStreamMaxChannelsPerClient 3
    EventStreamRetry 7
    EventStreamAllowChannel "a*" b c d
</Location>
REST

# The module that they call is loaded last: the order does not matter.
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user)], prelude => $load,
    files => {'users' => 'anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n"},
    mpm_conf => <<'MPM', conf => $conf);
StartServers 2
ServerLimit 8
ThreadsPerChild 10
MaxRequestWorkers 20
MinSpareThreads 10
MaxSpareThreads 20
MPM
my $login = 'Authorization: Basic YW5uYTpzZWNyZXQ=';
my $id = qr/\d{13}[0-9a-z]*-\d+/;

sub opened
{
    my ($path, @headers) = @_;
    my $sse = subscribe($httpd, $path, headers => \@headers);
    my $open = $sse->next_event(5);
    is $open && $open->{event}, 'stream-open', "$path: the stream opens";
    return $sse;
}

sub journal
{
    open my $in, '<', $httpd->root . '/tmp/journal' or return '';
    local $/;
    my $text = <$in>;
    return $text;
}

sub answers
{
    my ($path, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $body = get($httpd, $path)->{body};
    return like $body, $expected, $name if ref $expected;
    return is $body, "$expected\n", $name;
}

sub misuse
{
    my ($call, $status, $sentence) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return answers("/misuse/$call", "$status $status $sentence", $call);
}

# ---- The example -----------------------------------------------------------

my $kitchen = opened('/events?c=kitchen');
my $guest = opened('/watch?table=4');
my $cook = opened('/kitchen/watch?table=9', $login);

is subscribe($httpd, '/watch/own?table=5')->status, 403,
    'Require expr is asked for the channels of another module';
is subscribe($httpd, '/watch/own?table=4')->status, 200, 'and admits them';
# httpd learns a moment later that this client has gone
wait_for(sub { get($httpd, '/count?channel=table-4')->{body} =~ /clients 1$/ },
    15, 'and it is not counted any more when it has gone');

answers('/order?table=4&dish=two%20soups', qr/^id $id, clients 3$/,
    'an event for two channels is published, the answer counts their clients');
for my $client ($kitchen, $guest, $cook) {
    my $event = $client->next_event(5);
    is_deeply [@$event{qw(event data)}], ['order', 'two soups'],
        'it reaches each of them';
}
answers('/order?table=9&dish=fish', qr/clients 3/,
    'an event for both channels of one client is published');
is $cook->next_event(5)->{data}, 'fish', 'the client receives it';
is $cook->next_event(0.2), undef, 'the client receives it once';
is $kitchen->next_event(5)->{data}, 'fish', 'the other client receives it, too';

answers('/close', qr/^id $id, clients 2$/, 'a batch is published');
is $kitchen->next_event(5)->{data}, 'put out the fire',
    'an event of the batch arrives';
like journal(), qr/^($id) kitchen message: put out the fire
\1 waiters message: bring the bills$/m,
    'the publisher module received both events, in order, with the id';
answers('/count?channel=kitchen', 'id none, clients 2',
    'the clients of a channel are counted');
answers('/count?channel=unused', 'id none, clients 0',
    'a channel without clients counts 0');
answers('/count', 'A channel name is empty.',
    'an empty channel name is a mistake');
is get($httpd, '/count')->{status}, 400, 'an empty channel name gets 400';

is publish($httpd, 'nothing', "two\nlines")->{status}, 200,
    'an event is published by HTTP';
like journal(), qr/^$id nothing message: two\nlines$/m,
    'the publisher module receives it, too';

# ---- Streams ---------------------------------------------------------------

sub runs
{
    my ($query, $status, $sentence, %opt) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = request($httpd, $opt{method} || 'GET', "/faulty-run$query",
        headers => $opt{headers} || []);
    is $answer->{status}, $status, "eventstream_run$query: $status";
    is $answer->{body}, "$sentence\n", "eventstream_run$query: the reason"
        if defined $sentence;
    return $answer;
}

my $run = opened('/faulty-run?a&%20b%20&NULL&&a');
like $run->bytes, qr/^retry: 7000$/m,
    'settings of the Location apply to eventstream_run';
answers('/misuse/good', '200 200 ', 'an event for other channels is published');
is $run->next_event(0.2), undef, 'the stream does not receive it';
is $run->header('cache-control'), 'no-cache, no-store, no-transform',
    'the answer has our head';
runs('', 400, 'No specified channels.');
runs('?NULL', 400, 'No specified channels.');
runs('?a&b&c&d', 400, 'Too many channels: at most 3 for a client.');
runs('?a%01', 400);
runs('?e', 403, 'Channel not allowed: e.');
runs('?a', 405, 'Method not allowed: POST.', method => 'POST');
runs('?a', 406, 'Not Acceptable.', headers => ['Accept: text/html']);
runs('?a', 400, q(last-event-id header may not be 'error'.),
    headers => ['Last-Event-ID: error']);
my $cors = subscribe($httpd, '/faulty-run?a',
    headers => ['Origin: https://www.example.com']);
is $cors->header('access-control-allow-origin'), 'https://www.example.com',
    'a listed origin may read a stream of eventstream_run';
is $cors->header('vary'), 'Origin', 'Vary: Origin goes with it';
my $head = subscribe($httpd, '/faulty-run?a', method => 'HEAD');
is $head->header('content-type'), 'text/event-stream; charset=utf-8',
    'HEAD is answered by eventstream_run';
is request($httpd, 'OPTIONS', '/faulty-run?a')->{status}, 204,
    'OPTIONS is answered by eventstream_run';
my $proxied_run = get($httpd, '/faulty-grip?a', 'Grip-Sig: any');
is $proxied_run->{headers}{'grip-hold'}, 'stream',
    'a request through a GRIP proxy is held there';
is $proxied_run->{headers}{'grip-channel'} =~ s/;.*//r, 'events-a',
    'it is held on the channel of the caller';
answers('/faulty-sub', '500', 'eventstream_run in a subrequest is 500');
like $httpd->error_log, qr/ES0523/, 'eventstream_run in a subrequest is logged';

my $resumed = do {
    answers('/order?table=7&dish=one', qr/^id $id/, 'an event is published');
    my ($last) = journal() =~ /^($id) kitchen order: one$/m;
    answers('/order?table=7&dish=two', qr/^id $id/,
        'one more event is published');
    opened('/watch?table=7', "Last-Event-ID: $last");
};
is $resumed->next_event(5)->{data}, 'two',
    'a stream of eventstream_run resumes';

# ---- Mistakes --------------------------------------------------------------

my $news = opened('/events?c=news');
my $shop = opened('/shop?c=news');

misuse('good', 200, '');
misuse('main-server', 200, '');
is $news->next_event(5)->{data}, 'text',
    'an event of misuse arrives' for 1 .. 2;
misuse('other-hub', 200, '');
is $shop->next_event(5)->{data}, 'text',
    'an event arrives in the hub that it names';
my $proxied = opened('/proxied?c=news');
answers('/misuse/proxied-hub', qr{^502\ 502\ Stored\ for\ local\ clients,
    \ but\ not\ taken\ by\ http://127\.0\.0\.1:1/:\ .+\ id\ \d}x,
    'a GRIP proxy that is down is reported as 502');
is $proxied->next_event(5)->{data}, 'text',
    'local clients receive the event all the same';
misuse('no-hub', 404, q(There is no hub 'no?ne'.));
misuse('no-pool', 400, 'There is no pool.');
misuse('no-event', 400, 'The event is NULL, or its size was not set.');
answers('/misuse/no-result', '200 0 ', 'a caller without result gets none');
is $news->next_event(5)->{data}, 'text', 'its event is published';
answers('/misuse/result-without-size', '400 0 ',
    'a result without size is not written');
answers('/misuse/result-never-set', '400 0 ',
    'a result whose size is not set is not written');
misuse('event-without-size', 400,
    'The event is NULL, or its size was not set.');
misuse('older-event', 400, 'The event is NULL, or its size was not set.');
misuse('newer-field-unset', 200, '');
is $news->next_event(5)->{data}, 'text',
    'an event of a newer caller without new fields arrives';
misuse('newer-field-set', 501,
    'The event has a field that this version of mod_eventstream does not '
    . 'know.');
misuse('newer-result', 200, '');
is $news->next_event(5)->{data}, 'text',
    'an event of a newer caller with a larger result arrives';
misuse('no-channels', 400, 'No channel.');
misuse('negative-channels', 400, 'No channel.');
answers("/misuse/$_", qr/^400 400 \S/, $_)
    for qw(channel-null control-channel long-channel latin-channel);
misuse('too-many-channels', 400,
    'Too many channels: at most 64 for an event.');
misuse('most-channels', 200, '');
misuse('blank-channel', 400,
    q(The channel name 'news ' begins or ends with a blank.));
misuse('data-null', 400, q(The field 'data' is NULL, but has a length.));
misuse('no-data', 200, '');
is $news->next_event(5)->{data}, '', 'an event without data has empty data';
misuse('large-data', 413,
    q(The field 'data' has 101 bytes, more than the 100 allowed.));
misuse('most-data', 200, '');
is $news->next_event(5)->{data}, 'x' x 100,
    'data of just EventStreamMaxEventSize arrive';
misuse('latin-data', 400,
    q(The field 'data' is not valid UTF-8 at byte 4.));
misuse('line-in-type', 400,
    q(The field 'event' contains a line end or NUL.));
misuse('our-id', 400, q(The field 'id' has the form of the server's own )
    . 'ids, digits-digits.');
misuse('negative-retry', 400, q(The field 'retry_ms' is negative.));
misuse('all-fields', 200, '');
is_deeply [@{$news->next_event(5)}{qw(event id retry data)}],
    ['kind', 'mine', 1, "two\nlines"], 'all fields of an event arrive';
misuse('all-fields', 200, '');
misuse('same-id', 409, q(The id 'mine' belongs to another event of channel )
    . q('news'.));
my $mine = () = journal() =~ /^$id news kind: two$/mg;
is $mine, 2,
    'an event that is acknowledged again is passed to publishers again';
misuse($_, 400, 'No events.') for qw(no-batch empty-batch);
misuse('null-in-batch', 400,
    '[1]: The event is NULL, or its size was not set.');
misuse('large-in-batch', 413,
    q([1]: The field 'data' has 101 bytes, more than the 100 allowed.));
answers('/misuse/large-batch', qr/^413 413 \S/,
    'a batch of more than half of the journal is refused');
answers('/misuse/count-nothing', qr/^400 400 \S/,
    'counting without channel is refused');
misuse('count-blank', 400,
    q(The channel name ' news' begins or ends with a blank.));
answers('/misuse/count-without-result', '400 0 ',
    'counting without result is refused');
misuse('count-in-no-hub', 404, q(There is no hub 'none'.));
misuse('count-quiet', 200, '');
misuse('good', 200, '');
is $news->next_event(5)->{data}, 'text', 'no event of a refused call arrives';
is $shop->next_event(0.2), undef,
    'no event of a refused call arrives in another hub';
like $httpd->error_log,
    qr/faulty module in the parent: 503 No events are served here\./,
    'a call in the parent gets 503';

# ---- Publishers ------------------------------------------------------------

my $from = $httpd->log_size;
my $chain = opened('/events?c=chain');
my $answer = publish($httpd, 'chain', 'x');
is $answer->{status}, 502,
    'a publisher that publishes lets the call fail with 502';
is $answer->{body} =~ s/$id/ID/r, "Stored as ID, but the publisher 'chained' "
    . "did not take it: 508 A publisher may not publish while it is called.\n",
    'the answer names that publisher and the reason';
is $chain->next_event(5)->{data}, 'x', 'the event is published all the same';
like journal(), qr/^$id chain message: x$/m,
    'the other publishers receive the event';
like publish($httpd, 'silent', 'x')->{body},
    qr/the publisher 'silent' did not take it: it gave no reason\.$/,
    'a publisher that fails without a reason is reported';
like $httpd->error_log($from), qr/:warn\].*ES0521.*\bchained\b/,
    'a publisher that fails is logged';
my @unsized = $httpd->error_log =~ /(ES0522.*)/g;
is_deeply [grep { !/\b(unsized|empty)\b/ } @unsized], [],
    'only publishers that cannot be called are logged at start';
ok scalar @unsized, 'publishers that cannot be called are logged at start';

# ---- Reload ----------------------------------------------------------------

sub goes_on
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    answers('/order?table=4&dish=cake', qr/^id $id, clients \d+$/, $name);
    is $guest->next_event(5)->{data}, 'cake',
        "$name: a stream from before receives the event";
    like journal(), qr/^$id kitchen order: cake$/m,
        "$name: the publisher module receives it, too";
    unlink $httpd->root . '/tmp/journal';
    return;
}

1 while $guest->next_event(0.1);
unlink $httpd->root . '/tmp/journal';
for my $how (qw(graceful restart)) {
    ok $httpd->$how, "$how succeeds";
    goes_on("after $how");
}

(my $moved = $conf) =~ s{/tmp/journal}{/none/journal};
$httpd->rewrite_conf($moved);
ok $httpd->graceful, 'graceful with a journal that cannot be written succeeds';
$answer = get($httpd, '/order?table=4&dish=tea');
is $answer->{status}, 502, 'a publisher that fails is 502 for callers in C';
like $answer->{body}, qr/^Stored as $id, but the publisher 'restaurant' did /,
    'the answer names the publisher';
like $answer->{body}, qr/ take it: the journal cannot be written/,
    'the answer gives its reason';
is $guest->next_event(5)->{data}, 'tea', 'the event is published all the same';
$httpd->rewrite_conf($conf);
ok $httpd->graceful, 'graceful with the first configuration succeeds';
goes_on('with the first configuration');
$_->close for $kitchen, $guest, $cook, $run, $cors, $resumed, $news, $shop,
    $chain;
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- Without us ------------------------------------------------------------

my $alone = EventStream::Httpd->start(
    module => 0, prelude => (split /^/, $load)[0], conf => <<'CONF');
<Location "/order">
    SetHandler es-example-order
</Location>
<Location "/watch">
    SetHandler es-example-watch
</Location>
CONF
is get($alone, $_)->{status}, 503, "$_ without mod_eventstream gets 503"
    for qw(/order /watch);

for my $mpm (qw(worker prefork)) {
    SKIP: {
        skip "needs mod_mpm_$mpm", 1
            if !EventStream::Httpd->has_module("mpm_$mpm");
        $httpd = EventStream::Httpd->start(mpm => $mpm, prelude => $load,
            ssl => 1, conf => "EventStreamMaxHeld 1\nEventStreamHub proxied\n"
                . $handlers);
        my $sse = opened('/watch?table=1');
        my $tls = subscribe($httpd, '/watch?table=1', tls => 1);
        is $tls->next_event(5)->{event}, 'stream-open',
            "$mpm: the stream opens over TLS";
        answers('/order?table=1&dish=egg', qr/clients 2$/,
            "$mpm: an event is published");
        is $_->next_event(5)->{data}, 'egg', "$mpm: the event arrives"
            for $sse, $tls;
    }
}
done_testing;
