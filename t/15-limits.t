#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each limit at it, above it and below it again. A client above a limit gets a
# stream that ends, not an error: an EventSource that gets an error never comes
# back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $locations = <<'CONF';
EventStreamDrain 1
EventStreamKeepAlive 200ms
EventStreamKeepAliveForm comment
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}" "news"
    EventStreamRetry 2
</Location>
<Location "/few">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 3
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# A client whose stream stays open until its first keep-alive, or undef if the
# stream ended at once.
sub stays
{
    my ($httpd, %options) = @_;
    my $path = delete $options{path} || '/events';
    my $client = subscribe($httpd, $path, %options);
    $client->next_event(5);
    until ($client->comments) {
        $client->is_open && $client->fill(60) or return;
        $client->next_event(0);
    }
    return $client;
}

sub is_sent_away
{
    my ($httpd, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $opens = delete $options{opens};
    my $client = subscribe($httpd, $options{path} || '/events', %options);
    is $client->status, 200, "$name: a client above it gets 200";
    is $client->header('content-type'), 'text/event-stream; charset=utf-8',
        "$name: it gets a stream";
    is $client->is_ended(5), 1, "$name: the stream ends cleanly";
    my $open = $client->next_event(0);
    is $open && $open->{event}, 'stream-open', "$name: the stream opens";
    is defined $open->{id} ? 1 : 0, defined $opens ? 0 : 1,
        "$name: stream-open has an id if the hub has a position";
    like $client->bytes,
        qr/\Aevent:.*\nretry: 2000\n\n(?:.*\n\n)?retry: \d+\n\z/s,
        "$name: the stream has a retry at its end";
    $client->next_event(0);
    cmp_ok $client->retry, '>=', 1600, "$name: the retry is some seconds";
    cmp_ok $client->retry, '<=', 3400, "$name: the retry is not much longer";
    return;
}

# Waits until the stream of one more client stays open.
sub stays_later
{
    my ($httpd, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { stays($httpd, %options) }, 60,
        "$name: a client below it stays");
}

sub all_stay
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is scalar(grep { $_ } @clients), scalar @clients,
        "$name: as many as allowed stay";
    return;
}

# ---- Clients in all --------------------------------------------------------

my $httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxClients 5\n");
my $name = 'EventStreamMaxClients';
my @clients = map { stays($httpd) } 1 .. 5;
all_stay($name, @clients);
is_sent_away($httpd, $name) for 1 .. 3;
my %retries = map { my $c = subscribe($httpd, '/events'); $c->is_ended(5);
    $c->next_event(0); $c->next_event(0); $c->retry => 1 } 1 .. 8;
cmp_ok scalar keys %retries, '>', 1, "$name: retries differ";
my $answer = publish($httpd, 'news', 'hello');
is $answer->{json}{clients}, 5,
    "$name: clients that are sent away are not counted";
is join(' ', map { $_->next_event(5)->{data} } @clients),
    join(' ', ('hello') x 5), "$name: the others receive events";
(shift @clients)->close;
push @clients, stays_later($httpd, $name);
is_sent_away($httpd, $name);
$_->close for splice @clients, 0, 2;
push @clients, stays_later($httpd, $name), stays_later($httpd, $name);
is_sent_away($httpd, $name);
my ($victim, $other) = $httpd->children;
my @left = of_child($other, @clients);
my $room = of_child($victim, @clients);
is @left + $room, @clients, "$name: each client has a child";
$httpd->kill_child($victim);
my @more;
ok wait_for(
    sub {
        push @more, stays($httpd) || ();
        return @more >= $room;
    }, 60), "$name: the clients of a killed child are not counted any more";
is_sent_away($httpd, $name);
$_->close for @left, @more;
undef $httpd;

# ---- Clients of an address -------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations . <<'CONF');
EventStreamMaxClientsPerAddress 2
Listen [::ffff:127.0.0.3]:@PORT@
CONF
$name = 'EventStreamMaxClientsPerAddress';
@clients = map { stays($httpd) } 1 .. 2;
all_stay($name, @clients);
is_sent_away($httpd, $name);
is publish($httpd, 'news', 'x')->{json}{clients}, 2,
    "$name: clients that are sent away are not counted";
my @others = map { stays($httpd, from => "127.0.0.$_") } 2 .. 4;
is grep({ $_ } @others), 3, "$name: each other address has a count of its own";
# httpd's preset "Listen 80" shows IPv4 clients as ::ffff:a.b.c.d
my @mapped = map {
    stays($httpd, from => "127.0.0.$_", host => '127.0.0.3')
} 5 .. 8;
is grep({ $_ } @mapped), 4,
    "$name: the same through a socket for IPv4 and IPv6";
(shift @clients)->close;
push @clients, stays_later($httpd, $name);
is_sent_away($httpd, $name);
$_->close for grep { $_ } @clients, @others, @mapped;
undef $httpd;

# ---- Channels of an address ------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxChannelsPerAddress 8\n");
$name = 'EventStreamMaxChannelsPerAddress';
@clients = map { stays($httpd, path => "/events?c=1&c=$_") } 2, 3;
all_stay($name, @clients);
is_sent_away($httpd, $name, path => '/events?c=1&c=2');
push @clients, stays($httpd, path => '/events?c=1');
ok $clients[2], "$name: a client of fewer channels stays";
push @clients, stays($httpd, path => '/events?c=1&c=2', from => '127.0.0.2');
ok $clients[3], "$name: each other address has a count of its own";
(shift @clients)->close;
push @clients, stays_later($httpd, $name, path => '/events?c=1&c=2');
# a client on its way between children is not counted
ok $httpd->graceful(all => 1), "$name: graceful succeeds";
$httpd->wait_for(sub { clients($httpd, '1') == @clients }, 10);
is_sent_away($httpd, "$name, after graceful", path => '/events?c=1&c=2');
$_->close for @clients;
undef $httpd;

# ---- Channels in all -------------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxChannels 8\n");
$name = 'EventStreamMaxChannels';
@clients = map { stays($httpd, path => "/events?c=$_") } 1 .. 7;
all_stay($name, @clients);
my $same = stays($httpd, path => '/events?c=1');
ok $same, "$name: a client of known channels stays";
is_sent_away($httpd, $name, path => '/events?c=8', opens => 0);
is_sent_away($httpd, $name, path => '/events?c=8&c=9&c=10', opens => 0);
is publish($httpd, '8', 'x')->{status}, 503,
    "$name: publishing to one more channel is 503";
$answer = publish($httpd, '7', 'x');
is $answer->{status}, 200, "$name: publishing to a known channel works";
is $clients[6]->next_event(5)->{data}, 'x',
    "$name: the client of that channel receives it";
(splice @clients, 1, 1)->close;
push @clients, stays_later($httpd, $name, path => '/events?c=8');
$_->close for @clients, $same;
undef $httpd;

# Channels that merely retain events give way to others, the oldest first.
$httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxChannels 8\n");
my $from = $httpd->log_size;
my $first = publish($httpd, 'p0', 'x')->{json}{id};
is scalar(grep { publish($httpd, "p$_", 'x')->{status} == 200 } 1 .. 30), 30,
    "$name: events for more channels are accepted";
like $httpd->error_log($from), qr/ES0212: the channel table of a hub is full/,
    "$name: that is logged";
my $late = stays($httpd, path => '/events?c=new');
ok $late, "$name: a client of a new channel stays";
is publish($httpd, 'new', 'y')->{status}, 200, "$name: it can be published to";
is $late->next_event(5)->{data}, 'y', "$name: the client receives the event";
my $reset = subscribe($httpd, '/events?c=p0',
    headers => ["Last-Event-ID: $first"]);
is join(' ', map { $_->{event} } map { $reset->next_event(5) } 1, 2),
    'stream-open stream-reset',
    "$name: a client that may have missed an evicted event is told";
$_->close for $late, $reset;
undef $httpd;

# Clients leave a sixteenth of the table to publishers.
$httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxChannels 32\n");
$from = $httpd->log_size;
my $many = stays($httpd, path => '/events?' . join '&', map { "c=$_" } 1 .. 29);
ok $many, "$name: a client of as many channels as clients may take stays";
is_sent_away($httpd, $name, path => '/events?c=30', opens => 0);
is scalar(grep { publish($httpd, "p$_", 'x')->{status} == 200 } 1 .. 30), 30,
    "$name: publishers have room for other channels";
is_sent_away($httpd, $name, path => '/events?c=30', opens => 0);
like $httpd->error_log($from), qr/ES0211: .* in use, except those kept/,
    "$name: that clients are sent away is logged";
$many->close;
ok stays_later($httpd, $name, path => '/events?c=30');
undef $httpd;

# ---- Channels of a client --------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations);
$name = 'EventStreamMaxChannelsPerClient';
is subscribe($httpd, '/few?c=1&c=2&c=3')->status, 200,
    "$name: as many channels as allowed get 200";
my $refused = get($httpd, '/few?c=1&c=2&c=3&c=4');
is $refused->{status}, 400, "$name: one more gets 400";
is $refused->{body}, "Too many channels: at most 3 for a client.\n",
    "$name: 400 names the limit";
is subscribe($httpd, '/few?c=1&c=2')->status, 200, "$name: fewer get 200";
my $list = join '&', map { "c=$_" } 1 .. 99;
is subscribe($httpd, "/events?$list")->status, 200,
    "$name: the preset allows 100";
is subscribe($httpd, "/events?$list&c=100")->status, 400,
    "$name: the preset does not allow 101";

# ---- Events of a batch -----------------------------------------------------

# Posts events to so many channels of /publish.
sub post_many
{
    my ($type, $events, $channels) = @_;
    my $query = join '&', map { "channel=$_" } 1 .. $channels;
    my @events = ('{"data":1}') x $events;
    return request($httpd, 'POST', "/publish?$query",
        headers => ["Content-Type: $type"],
        body => $type =~ /ndjson/
        ? join("\n", @events) : '[' . join(',', @events) . ']');
}

$name = 'events and their channels';
my $too_many = qr/^Too many events at once: at most 16384, /;
is post_many('application/json', 16384, 1)->{status}, 200,
    "$name: as many as can be stored at once";
$refused = post_many('application/json', 16385, 1);
is $refused->{status}, 413, "$name: one more gets 413";
like $refused->{body}, $too_many, "$name: 413 names the limit";
is post_many('application/json', 256, 64)->{status}, 200,
    "$name: each channel counts";
is post_many('application/json', 257, 64)->{status}, 413,
    "$name: each channel of one more event counts";
like post_many('application/x-ndjson', 16385, 1)->{body},
    qr/^\{"published": 16385,/, "$name: NDJSON is not limited";
like post_many('application/x-ndjson', 1024, 64)->{body},
    qr/^\{"published": 1024,/, "$name: NDJSON is not limited by channels";

done_testing;
