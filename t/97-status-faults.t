#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The status page on bad days: children are killed, hubs are resized, clients
# cut the answer, and there are very many channels.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use JSON::PP;
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Source;
use EventStream::Tls;

use constant {CHANNELS => 16_000, CLIENTS => 3000};

my $conf = <<'CONF';
EventStreamHub shop size=1m
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
<LocationMatch "^/events/(?<c>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{c}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
</Location>
CONF
my $httpd = EventStream::Httpd->start(conf => $conf);

sub json
{
    my ($query) = @_;
    my $answer = get($httpd, "/status$query");
    return $answer->{status} == 200 && $answer->{complete}
        ? decode_json($answer->{body}) : undef;
}

sub live
{
    my (@more) = @_;
    return subscribe($httpd, '/status', headers =>
        ['Accept: text/event-stream', @more]);
}

# ---- Killed children -------------------------------------------------------

publish($httpd, 'news', "event $_") for 1 .. 10;
my @clients = map { subscribe($httpd, '/events/news') } 1 .. 8;
my ($asked, $answered) = (0, 0);
for my $round (1 .. 3) {
    for my $child ($httpd->children) {
        kill KILL => $child;
        for (1 .. 10) {
            my $answer = get($httpd, '/status?json');
            next if !$answer->{status};    # that was in the child that died
            $asked++;
            $answered++ if $answer->{complete}
                && eval { decode_json($answer->{body})->{hubs}[0]{published}
                    == 10 };
        }
    }
    wait_for(sub { my @now = $httpd->children; @now >= 2 }, 20);
}
cmp_ok $asked, '>', 20, 'while children are killed it is asked for';
is $answered, $asked, 'each answer is whole, and the totals stay';
ok wait_for(sub {
    my $figures = json('?json') or return 0;
    my %is_there = map { $_ => 1 } $httpd->children;
    return @{$figures->{children}} == keys %is_there
        && !grep { !$is_there{$_->{pid}} } @{$figures->{children}};
}, 20), 'then the children are the living ones';
ok wait_for(sub { my $now = json('?json'); $now && !$now->{clients}{total} },
    20),
    'and the clients of the dead ones are not counted';
my $stream = live();
ok wait_for(sub {
    my $event = $stream->skip_to('sample', 5) or return 0;
    return decode_json($event->{data})->{sample}[1] == 10;
}, 15), 'another child tells the figures';

# ---- Restarts --------------------------------------------------------------

my $before = @{json('?samples')->{samples}};
ok $httpd->graceful, 'graceful succeeds';
ok $stream->skip_to('sample', 10), 'the stream goes on over graceful';
cmp_ok scalar(@{json('?samples')->{samples}}), '>=', $before,
    'samples are kept over graceful';
(my $larger = $conf) =~ s/size=1m/size=2m/;
$httpd->rewrite_conf($larger);
ok $httpd->graceful, 'graceful with another size';
my ($shop) = grep { $_->{name} eq 'shop' } @{json('?json')->{hubs}};
is $shop->{bytes}, 1024 * 1024, 'the size stays at graceful';
ok $httpd->restart, 'a restart';
($shop) = grep { $_->{name} eq 'shop' } @{json('?json')->{hubs}};
is $shop->{bytes}, 2 * 1024 * 1024, 'and changes at a restart';
cmp_ok scalar(@{json('?samples')->{samples}}), '>=', $before,
    'samples are kept over a restart';
is json('?json')->{hubs}[0]{published}, 10, 'totals, too';
my $again = live();
ok $again->skip_to('sample', 10), 'it is live again';
(my $without = $conf) =~ s/<Location "\/status">.*?<\/Location>\n//s;
$httpd->rewrite_conf($without);
ok $httpd->graceful, 'graceful without the page';
is get($httpd, '/status?json')->{status}, 404, 'it is gone';
$httpd->rewrite_conf($conf);
ok $httpd->graceful, 'graceful with it';
ok wait_for(sub { live()->skip_to('summary', 5) }, 15), 'it is there again';
is $httpd->faults // '', '', 'nothing is damaged';

# ---- A child that stops ----------------------------------------------------

# It cannot, as long as a client does not read its page.
{
    my $page = 'x' x 30_000_000;
    open my $file, '>', $httpd->root . '/htdocs/large.bin' or die "$!";
    print {$file} $page;
    close $file;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $httpd->port) or die "$!";
    syswrite $socket, "GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n";
    sysread $socket, my $some, 100;
    my $generation = json('?json')->{server}{generation};
    ok $httpd->graceful, 'graceful while a client takes its time';
    my @stopping;
    ok wait_for(sub {
        my $now = json('?json') or return 0;
        @stopping = grep { $_->{stopping} } @{$now->{children}};
        return @stopping == 1 && $now->{server}{generation} > $generation
            && grep { !$_->{stopping} && $_->{generation} > $generation }
                @{$now->{children}};
    }, 20), 'the child that serves it is shown as one that stops';
    is $stopping[0]{generation}, $generation, 'of the generation before';
    close $socket;
    ok wait_for(sub {
        !grep { $_->{stopping} } @{json('?json')->{children}};
    }, 30), 'until it has gone';
}

# ---- Clients that cut the answer -------------------------------------------

publish($httpd, "cut-$_", 'x') for 1 .. 50;
for my $query ('?json', '?channels', '?samples', '') {
    for (1 .. 5) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $httpd->port) or next;
        $socket->setsockopt(SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0);
        syswrite $socket,
            "GET /status$query HTTP/1.1\r\nHost: localhost\r\n\r\n";
        close $socket;
    }
}
is json('?json')->{version}, 1, 'a client that cuts the answer harms nothing';
unlike $httpd->error_log, qr/ exit signal (?!Killed)/, 'no child has crashed';

# ---- Other MPMs ------------------------------------------------------------

for my $mpm ('worker', 'prefork') {
    SKIP: {
        skip "needs mpm_$mpm", 4 if !EventStream::Httpd->has_module("mpm_$mpm");
        $httpd = EventStream::Httpd->start(conf => $conf, mpm => $mpm);
        my $there = live();
        ok $there->skip_to('sample', 10), "$mpm: the page is live";
        ok $httpd->graceful, "$mpm: graceful succeeds";
        ok $there->skip_to('sample', 10), "$mpm: it is live after it";
        is $httpd->stop, 0, "$mpm: httpd stops with exit status 0";
    }
}

# ---- Very many channels ----------------------------------------------------

my $many = EventStream::Httpd->start(conf => $conf, log => 'notice', mpm_conf =>
    "StartServers 1\nServerLimit 1\nThreadsPerChild 25\n" .
    "MaxRequestWorkers 25\n");
$httpd = $many;
my $body = join '', map { qq({"channel": "channel-$_", "text": "x"}\n) }
    0 .. CHANNELS - 1;
is request($httpd, 'POST', '/publish', body => $body, timeout => 60, headers =>
    ['Content-Type: application/x-ndjson'])->{status}, 200,
    CHANNELS . ' channels are there';
my ($child) = $httpd->children;

# Seconds of CPU time that the child has used.
sub cpu
{
    open my $file, '<', "/proc/$child/stat" or return 0;
    my @fields = split ' ', (<$file> =~ /.*\) (.*)/)[0];
    return ($fields[11] + $fields[12]) / 100;
}

sub cost_of
{
    my ($query, $requests) = @_;
    my $before = cpu();
    json($query) for 1 .. $requests;
    return (cpu() - $before) * 1000 / $requests;
}

# Clients of the first of these channels, until the program ends.
my ($load, $counts);
if (!over_tls()) {
    $load = open $counts, '-|', builddir() . '/bench/load', '--servers',
        '127.0.0.1:' . $httpd->port, '--clients', CLIENTS, '--channels',
        CLIENTS, '--subscribe', '/events/channel-{}', '--channel',
        'channel-{}', '--events', 0, '--idle', 200, '--seconds', 250
        or die "bench/load: $!";
    ok wait_for(sub {
        my $figures = json('?json') or return 0;
        return $figures->{hubs}[0]{clients} == CLIENTS
            && $figures->{clients}{total} == CLIENTS;
    }, 120), CLIENTS . ' clients are there, and are counted';
}

my $list = json('?channels&sort=name&limit=200');
is $list->{known} > 0 ? $list->{channels}[0]{channel} : '', 'channel-0',
    'they are listed';
ok $list->{partial} || $list->{known} == CHANNELS,
    'all of them, or the answer tells that they are not all';
for my $query ('?json', '?channels', '?channels&q=15999&sort=recent') {
    my $ms = cost_of($query, 20);
    cmp_ok $ms, '<=', 100, "at most 100 ms of a worker's time: $query";
    note "$query: $ms ms";
}
my $rss = sub {
    my ($kb) = EventStream::Httpd::slurp("/proc/$child/status") =~
        /^RssAnon:\s+(\d+)/m;
    return $kb;
};
json('?channels&limit=200') for 1 .. 20;
my $first = $rss->();
json('?channels&limit=200') for 1 .. 100;
cmp_ok $rss->() - $first, '<', 20_000,
    'a hundred more pages need no more memory';
ok over_tls() || json('?json')->{hubs}[0]{clients} == CLIENTS,
    'the clients are still there';
kill TERM => $load if $load;
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
