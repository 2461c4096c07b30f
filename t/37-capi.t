#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# include/mod_eventstream.h, by modules that know nothing else of us, in
# t/example: mod_es_example.c does all that it offers, mod_es_misuse.c and
# mod_es_nuisance.c what nobody should do.

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
} qw(example misuse nuisance);

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
<Location "/misuse/">
    SetHandler es-misuse
</Location>
<Location "/nuisance-run">
    SetHandler es-nuisance-run
</Location>
<Location "/nuisance-grip">
    SetHandler es-nuisance-run
    EventStreamUseHub proxied
</Location>
<Location "/nuisance-sub">
    SetHandler es-nuisance-sub
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
<Location "/nuisance-run">
    EventStreamAllowOrigin https://www.example.com
    EventStreamMaxChannelsPerClient 3
    EventStreamRetry 7
    EventStreamAllowChannel "a*" b c d
</Location>
REST

# The module that they use comes last: the order does not matter.
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
    is $open && $open->{event}, 'stream-open', "$path opens";
    return $sse;
}

sub journal
{
    open my $in, '<', $httpd->root . '/tmp/journal' or return '';
    local $/;
    my $text = <$in>;
    return $text;
}

sub says
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
    return says("/misuse/$call", "$status $status $sentence", $call);
}

# ---- The example -----------------------------------------------------------

my $kitchen = opened('/events?c=kitchen');
my $guest = opened('/watch?table=4');
my $cook = opened('/kitchen/watch?table=9', $login);

says('/order?table=4&dish=two%20soups', qr/^id $id, clients 3$/,
    'an event for two channels; the answer counts their clients');
for my $who ($kitchen, $guest, $cook) {
    my $event = $who->next_event(5);
    is_deeply [@$event{qw(event data)}], ['order', 'two soups'],
        '... reaches each of them';
}
says('/order?table=9&dish=fish', qr/clients 3/, 'both channels of one client');
is $cook->next_event(5)->{data}, 'fish', '... who gets it';
is $cook->next_event(0.2), undef, '... once';
is $kitchen->next_event(5)->{data}, 'fish', 'the kitchen, too';

says('/close', qr/^id $id, clients 2$/, 'a batch');
is $kitchen->next_event(5)->{data}, 'put out the fire', '... has arrived';
like journal(), qr/^($id) kitchen message: put out the fire
\1 waiters message: bring the bills$/m,
    'the publisher saw both events, in order, with the id';
says('/count?channel=kitchen', 'id none, clients 2', 'counting');
says('/count?channel=nobody', 'id none, clients 0', '... where nobody is');
says('/count', 'A channel name is empty.', '... without a name');
is get($httpd, '/count')->{status}, 400, '... is a mistake';

is publish($httpd, 'nothing', "two\nlines")->{status}, 200, 'by HTTP';
like journal(), qr/^$id nothing message: two\nlines$/m,
    '... the publisher sees it, too';

# ---- Streams ---------------------------------------------------------------

sub ran
{
    my ($query, $status, $sentence, %opt) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = request($httpd, $opt{method} || 'GET', "/nuisance-run$query",
        headers => $opt{headers} || []);
    is $answer->{status}, $status, "$query: $status";
    is $answer->{body}, "$sentence\n", '... and why' if defined $sentence;
    return $answer;
}

my $run = opened('/nuisance-run?a&%20b%20&NULL&&a');
like $run->bytes, qr/^retry: 7000$/m, 'settings of the Location count';
says('/misuse/good', '200 200 ', 'an event for others');
is $run->next_event(0.2), undef, '... reaches others only';
is $run->header('cache-control'), 'no-cache, no-store', 'the usual head';
ran('', 400, 'No specified channels.');
ran('?NULL', 400, 'No specified channels.');
ran('?a&b&c&d', 400, 'Too many channels: at most 3 for a client.');
ran('?a%01', 400);
ran('?e', 403, 'Channel not allowed: e.');
ran('?a', 405, 'Method not allowed: POST.', method => 'POST');
ran('?a', 406, 'Not Acceptable.', headers => ['Accept: text/html']);
ran('?a', 400, q(last-event-id header may not be 'error'.),
    headers => ['Last-Event-ID: error']);
my $cors = subscribe($httpd, '/nuisance-run?a',
    headers => ['Origin: https://www.example.com']);
is $cors->header('access-control-allow-origin'), 'https://www.example.com',
    'a listed origin may read';
is $cors->header('vary'), 'Origin', '... and caches know';
my $head = subscribe($httpd, '/nuisance-run?a', method => 'HEAD');
is $head->header('content-type'), 'text/event-stream', 'HEAD';
is request($httpd, 'OPTIONS', '/nuisance-run?a')->{status}, 204, 'OPTIONS';
my $proxied_run = get($httpd, '/nuisance-grip?a', 'Grip-Sig: any');
is $proxied_run->{headers}{'grip-hold'}, 'stream', 'behind a GRIP proxy';
is $proxied_run->{headers}{'grip-channel'} =~ s/;.*//r, 'events-a',
    '... the channel is held there';
says('/nuisance-sub', '500', 'not in a subrequest');
like $httpd->error_log, qr/ES0523/, '... which is told';

my $resumed = do {
    says('/order?table=7&dish=one', qr/^id $id/, 'an event');
    my ($last) = journal() =~ /^($id) kitchen order: one$/m;
    says('/order?table=7&dish=two', qr/^id $id/, '... and one more');
    opened('/watch?table=7', "Last-Event-ID: $last");
};
is $resumed->next_event(5)->{data}, 'two', 'it resumes';

# ---- Mistakes --------------------------------------------------------------

my $news = opened('/events?c=news');
my $shop = opened('/shop?c=news');

misuse('good', 200, '');
misuse('main-server', 200, '');
is $news->next_event(5)->{data}, 'text', 'arrives' for 1 .. 2;
misuse('other-hub', 200, '');
is $shop->next_event(5)->{data}, 'text', 'in the hub that it names';
my $proxied = opened('/proxied?c=news');
says('/misuse/proxied-hub', qr{^502\ 502\ Stored,\ and\ local\ clients\ have
    \ it,\ but\ not\ taken\ by\ http://127\.0\.0\.1:1/:\ .+\ id\ \d}x,
    'a GRIP proxy that is down');
is $proxied->next_event(5)->{data}, 'text', '... and local clients have it';
misuse('no-hub', 404, q(There is no hub 'no?ne'.));
misuse('no-pool', 400, 'There is no pool.');
misuse('no-event', 400, 'The event is NULL, or its size was not set.');
says('/misuse/no-result', '200 0 ', 'who wants no result gets none');
is $news->next_event(5)->{data}, 'text', '... and the event is out';
says('/misuse/result-without-size', '400 0 ', 'a result without size');
says('/misuse/result-never-set', '400 0 ', 'a result that was never set');
misuse('event-without-size', 400,
    'The event is NULL, or its size was not set.');
misuse('older-event', 400, 'The event is NULL, or its size was not set.');
misuse('newer-without-wish', 200, '');
is $news->next_event(5)->{data}, 'text',
    'a newer caller that wants nothing new';
misuse('newer-with-wish', 501,
    'The event has a field that this version of mod_eventstream does not '
    . 'know.');
misuse('newer-result', 200, '');
is $news->next_event(5)->{data}, 'text', 'a result of a newer caller';
misuse('no-channels', 400, 'No channel.');
misuse('negative-channels', 400, 'No channel.');
says("/misuse/$_", qr/^400 400 \S/, $_)
    for qw(channel-null control-channel long-channel latin-channel);
misuse('too-many-channels', 400,
    'Too many channels: at most 64 for an event.');
misuse('most-channels', 200, '');
misuse('data-null', 400, q(The field 'data' is NULL, but has a length.));
misuse('no-data', 200, '');
is $news->next_event(5)->{data}, '', 'no data are empty data';
misuse('large-data', 413,
    q(The field 'data' has 101 bytes, more than the 100 allowed.));
misuse('most-data', 200, '');
is $news->next_event(5)->{data}, 'x' x 100, 'as much as is allowed';
misuse('latin-data', 400,
    q(The field 'data' is not valid UTF-8 at byte 4.));
misuse('line-in-type', 400,
    q(The field 'event' contains a line end or NUL.));
misuse('our-id', 400, q(The field 'id' has the form of the server's own )
    . 'ids, digits-digits.');
misuse('negative-retry', 400, q(The field 'retry_ms' is negative.));
misuse('all-fields', 200, '');
is_deeply [@{$news->next_event(5)}{qw(event id retry data)}],
    ['kind', 'mine', 1, "two\nlines"], 'all fields';
misuse('all-fields', 200, '');
misuse('same-id', 409, q(The id 'mine' belongs to another event of channel )
    . q('news'.));
my $mine = () = journal() =~ /^$id news kind: two$/mg;
is $mine, 2, 'what is acknowledged again goes to publishers again';
misuse($_, 400, 'No events.') for qw(no-batch empty-batch);
misuse('null-in-batch', 400,
    '[1]: The event is NULL, or its size was not set.');
misuse('large-in-batch', 413,
    q([1]: The field 'data' has 101 bytes, more than the 100 allowed.));
says('/misuse/large-batch', qr/^413 413 \S/, 'more than half of the journal');
says('/misuse/count-nothing', qr/^400 400 \S/, 'counting nothing');
says('/misuse/count-without-result', '400 0 ', 'counting for nobody');
misuse('count-in-no-hub', 404, q(There is no hub 'none'.));
misuse('count-quiet', 200, '');
misuse('good', 200, '');
is $news->next_event(5)->{data}, 'text', 'of all that, nothing was published';
is $shop->next_event(0.2), undef, '... in the other hub, too';
like $httpd->error_log,
    qr/nuisance in the parent: 503 No events are served here\./,
    'in the parent: 503';

# ---- Publishers ------------------------------------------------------------

my $from = $httpd->log_size;
my $chain = opened('/events?c=chain');
my $answer = publish($httpd, 'chain', 'x');
is $answer->{status}, 502, 'a publisher that publishes';
is $answer->{body} =~ s/$id/ID/r, "Stored as ID, but the publisher 'chained' "
    . "did not take it: 508 A publisher may not publish in turn.\n",
    '... is stopped, and the one who began is told';
is $chain->next_event(5)->{data}, 'x', '... the event is out all the same';
like journal(), qr/^$id chain message: x$/m,
    '... and the other publishers have got it';
like publish($httpd, 'silent', 'x')->{body},
    qr/the publisher 'silent' did not take it: it does not say why\.$/,
    'one that does not say why';
like $httpd->error_log($from), qr/:warn\].*ES0521: the publisher chained/,
    'the error log tells it';
my @unsized = $httpd->error_log =~ /ES0522: the publisher (\w+) has no size/g;
is_deeply [grep { /unsized|empty/ } @unsized], \@unsized,
    'publishers that cannot be called are told at start';
ok scalar @unsized, '... indeed';

# ---- Reload ----------------------------------------------------------------

sub goes_on
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    says('/order?table=4&dish=cake', qr/^id $id, clients \d+$/, $name);
    is $guest->next_event(5)->{data}, 'cake',
        '... a stream from before gets it';
    like journal(), qr/^$id kitchen order: cake$/m, '... the publisher, too';
    unlink $httpd->root . '/tmp/journal';
    return;
}

1 while $guest->next_event(0.1);
unlink $httpd->root . '/tmp/journal';
for my $how (qw(graceful restart)) {
    ok $httpd->$how, $how;
    goes_on("after $how");
}

(my $moved = $conf) =~ s{/tmp/journal}{/none/journal};
$httpd->rewrite_conf($moved);
ok $httpd->graceful, 'graceful, with a journal that cannot be written';
$answer = get($httpd, '/order?table=4&dish=tea');
is $answer->{status}, 502, 'C callers are told 502';
like $answer->{body}, qr/^Stored as $id, but the publisher 'restaurant' did /,
    '... by whom';
like $answer->{body}, qr/ take it: the journal cannot be written/,
    '... and why';
is $guest->next_event(5)->{data}, 'tea', '... the event is out';
$httpd->rewrite_conf($conf);
ok $httpd->graceful, 'graceful, as it was';
goes_on('all is well again');
$_->close for $kitchen, $guest, $cook, $run, $cors, $resumed, $news, $shop,
    $chain;
is $httpd->stop, 0, 'stops cleanly';

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
is get($alone, $_)->{status}, 503, "$_ without mod_eventstream: 503"
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
        is $tls->next_event(5)->{event}, 'stream-open', "$mpm, over TLS";
        says('/order?table=1&dish=egg', qr/clients 2$/, "$mpm: published");
        is $_->next_event(5)->{data}, 'egg', '... and received'
            for $sse, $tls;
    }
}
done_testing;
