#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamLog: a stream is one line, written when it has ended, whoever ended
# it, also if several children have served it. A program that hangs holds up
# nothing.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Fcntl qw(O_NONBLOCK O_WRONLY);
use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Tls;

my $locations = <<'CONF';
EventStreamHub default size=1m
EventStreamTurn 500ms
<LocationMatch "^/(events|short|narrow|held)$">
    SetHandler eventstream
    EventStreamChannel news "a \"b\", c"
</LocationMatch>
<Location "/short">
    EventStreamLifetime 1
</Location>
<Location "/narrow">
    EventStreamSendTimeout 1
    EventStreamMaxUnsent 4k
</Location>
<Location "/held">
    SetOutputFilter SUBSTITUTE
    Substitute "s/a word that no event has/x/n"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub slurp { return EventStream::Httpd::slurp($_[0]) }

my $httpd;

sub lines
{
    my ($name) = @_;
    return split /\n/, slurp($httpd->root . '/logs/' . ($name || 'streams'));
}

sub wait_lines
{
    my ($count, $name) = @_;
    wait_for(sub { my @lines = lines(); @lines >= $count }, 15, $name);
    my @lines = lines();
    is scalar(@lines), $count, "$name: just that many";
    return map { JSON::PP::decode_json($_) } @lines;
}

# graceful, until none of the old children is left: a stop that comes while they
# hand their clients over cuts them.
sub graceful
{
    my ($name) = @_;
    my %old = map { ($_ => 1) } $httpd->children;
    ok $httpd->graceful, $name;
    return wait_for(sub { !grep { $old{$_} } $httpd->children }, 20,
        'the old children are gone');
}

sub opens
{
    my ($path, %opt) = @_;
    my $client = subscribe($httpd, $path, %opt);
    my $event = $client->next_event(10);
    die "$path does not open" if !$event || $event->{event} ne 'stream-open';
    return $client;
}

# ---- One line for each, and why they end -------------------------------------

$httpd = EventStream::Httpd->start(
    ssl => 1, modules => ['substitute'], conf => <<'CONF' . $locations);
EventStreamLog logs/streams json
CONF

my $client = opens('/events');
my ($first, $last) = map { publish($httpd, 'news', $_)->{json}{id} }
    qw(one two);
is $client->next_event(10)->{data}, $_, "the client gets $_" for qw(one two);
is scalar(lines()), 0, 'nothing is logged while the stream lasts';
$client->close;
my ($line) = wait_lines(1, 'a client that closes is logged');
is_deeply [sort @{$line->{channels}}], ['a "b", c', 'news'],
    'with its channels';
is $line->{events}, 2, 'its events';
cmp_ok $line->{bytes}, '>', 100, 'its bytes';
is $line->{last_id}, $last, 'its last id';
is $line->{reason}, 'client', 'the reason';
is $line->{mode}, 'detached', 'that it was detached';
is $line->{protocol}, 'HTTP/1.1', 'the protocol';
is $line->{tls}, over_tls() ? 'TLSv' . over_tls() : '-', 'over TLS or not';
is $line->{client}, '127.0.0.1', 'the address';
is $line->{path}, '/events', 'the path';
like $line->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/, 'the time';
cmp_ok $line->{seconds}, '<', 60, 'and how long it took';

$client = opens('/short');
ok $client->is_ended(10), 'a stream with a lifetime ends';
is +(wait_lines(2, 'it is logged'))[1]{reason}, 'lifetime', 'as that';

$client = opens('/events');
request($httpd, 'DELETE', '/publish?channel=news&for=1');
ok $client->is_ended(10), 'a stream whose channel is closed ends';
is +(wait_lines(3, 'it is logged'))[2]{reason}, 'channel', 'as that';
wait_for(sub { publish($httpd, 'news', 'again')->{status} == 200 }, 10);

$client = opens('/narrow', rcvbuf => 4096);
my $big = 'x' x 50_000;
publish($httpd, 'news', $big) for 1 .. 8;
my $slow = (wait_lines(4, 'a client that reads nothing is logged'))[3];
is $slow->{reason}, 'timeout', 'as that';
cmp_ok $slow->{bytes}, '<', 400_000, 'with the bytes that it took';
cmp_ok $slow->{events}, '<', 8, 'and the events';
$client->close;

$client = opens('/events', tls => 1);
publish($httpd, 'news', 'sealed');
is $client->next_event(10)->{data}, 'sealed', 'over TLS';
$client->close;
$line = (wait_lines(5, 'a client over TLS is logged'))[4];
like $line->{tls}, qr/^TLSv1\.[23]$/, 'with its version';
is $line->{mode}, 'detached', 'as detached';
is $line->{events}, 1, 'with its event';

$client = opens('/held');
publish($httpd, 'news', 'held');
is $client->next_event(10)->{data}, 'held', 'behind a filter';
$client->close;
$line = (wait_lines(6, 'a held client is logged'))[5];
is $line->{mode}, 'held', 'as held';
is $line->{reason}, 'client', 'with its reason';
is $line->{events}, 1, 'with its event';

# ---- Over graceful, and the end ----------------------------------------------

my @clients = map { opens('/events', tls => $_ % 2) } 1 .. 6;
publish($httpd, 'news', 'before');
is scalar(grep { $_->next_event(10)->{data} eq 'before' } @clients), 6,
    'six clients get an event';
for my $round (1 .. 2) {
    graceful("graceful $round");
    publish($httpd, 'news', "after $round");
    is scalar(grep { $_->next_event(10)->{data} eq "after $round" } @clients),
        6, 'they go on';
}
is scalar(lines()), 6, 'no line was written for them';
$clients[0]->close;
$line = (wait_lines(7, 'one that closes then is one line'))[6];
is $line->{events}, 3, 'with the events of all its children';
$httpd->stop;
my @lines = map { JSON::PP::decode_json($_) } lines();
is scalar(@lines), 12, 'each of the others is one, too';
is scalar(grep { $_->{reason} eq 'shutdown' && $_->{events} == 3 }
    @lines[7 .. 11]), 5, 'with the reason and their events';

# ---- A format, and a program that hangs --------------------------------------

$httpd = EventStream::Httpd->start(
    modules => ['substitute'], conf => <<'CONF' . $locations);
EventStreamLog "|$exec cat >> '@ROOT@/logs/streams'" \
    "%a\t%M %H %E %X %{User-Agent}i %{x}e %% \"%C\""
CONF
$client = opens('/events', headers => ["User-Agent: x\"\\\xc3\xa4"]);
$client->close;
wait_for(sub { scalar lines() }, 10, 'a program gets the line');
my ($channels) = ((lines())[0] || '') =~ /(news,a .*|a .*,news)"$/;
is +((lines())[0] || '') =~ s/\Q$channels\E/CHANNELS/r,
    "127.0.0.1\tdetached HTTP/1.1 0 client "
    . 'x\"\\\\\xc3\xa4 - % "CHANNELS"',
    'in the format, with values escaped as in the access log';
like $channels, qr/a \\"b\\", c/, 'channels, too';

my ($logger) = grep { slurp("/proc/$_/comm") eq "cat\n" } $httpd->children;
ok $logger, 'the program is a child of httpd' or BAIL_OUT('no program');
END { kill CONT => $logger if $logger }
kill STOP => $logger;
my $fd = (glob "/proc/$logger/fd/0")[0];
if (sysopen my $pipe, $fd, O_WRONLY | O_NONBLOCK) {
    1 while defined syswrite $pipe, '-' x 63 . "\n";
} else {
    diag "cannot fill the pipe: $!";
}
for my $round (1 .. 3) {
    my @many = map { opens('/events') } 1 .. 20;
    my $id = publish($httpd, 'news', "hung $round")->{json}{id};
    is scalar(grep { $_->next_event(10)->{id} eq $id } @many), 20,
        'the program hangs: clients get events';
    $_->close for @many;
    is wait_clients($httpd, 'news', 0, 10), 0, 'and may go';
}
kill CONT => $logger;
wait_for(sub { 60 <= grep { /^127/ } lines() }, 20,
    'it goes on: all lines are there');

# ---- Limits, GRIP, prefork, and a file that cannot be opened -----------------

$httpd = EventStream::Httpd->start(
    mpm => 'prefork', modules => ['substitute'],
    conf => <<'CONF' . $locations . <<'MORE');
EventStreamLog logs/streams json
EventStreamMaxClientsPerAddress 1
EventStreamHub grip
EventStreamGrip hub=grip http://127.0.0.1:1/
CONF
<Location "/grip">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamUseHub grip
</Location>
MORE
$client = opens('/events');
my $second = opens('/events');
ok $second->is_ended(10), 'a client above a limit is asked to reconnect';
$line = (wait_lines(1, 'it is logged'))[0];
is $line->{reason}, 'limit', 'as that';
is $line->{mode}, 'brief', 'and as served briefly';
is request($httpd, 'GET', '/grip', headers => ['Grip-Sig: x'])->{status}, 200,
    'a GRIP proxy is told to hold';
$client->close;
is +(wait_lines(2, 'that is no stream'))[1]{reason}, 'client',
    'but the end of the first client is';
wait_clients($httpd, 'news', 0, 10);
$client = opens('/events');
my ($ok, $out);
graceful('graceful');
publish($httpd, 'news', 'on');
is $client->next_event(10)->{data}, 'on', 'prefork: the client goes on';
$httpd->stop;
is +(wait_lines(3, 'and is one line'))[2]{reason}, 'shutdown', 'at the stop';

$httpd = eval {
    EventStream::Httpd->start(
        deadline => 5, modules => ['substitute'],
        conf => <<'CONF' . $locations);
EventStreamLog no/such/folder
CONF
};
ok !$httpd, 'httpd does not start if it cannot open the file';
like $@, qr/ES0026: cannot open EventStreamLog "no\/such\/folder"/,
    'and says so';

# ---- The configuration -------------------------------------------------------

my %wrong = (
    'EventStreamLog x "%Q"' => qr/has no item %Q/,
    'EventStreamLog x "%i"' => qr/has %i without a name/,
    'EventStreamLog x "%{a}U"' => qr/has %U with a name/,
    'EventStreamLog x "%{a"' => qr/has a '\{' without '\}'/,
    'EventStreamLog x "50%"' => qr/a percent sign is written %%/,
    'EventStreamLog "|"' => qr/takes off, a file, or \|/,
    "<VirtualHost *>\nEventStreamLog x\n</VirtualHost>" => qr/VirtualHost/,
);
for my $conf (sort keys %wrong) {
    ($ok, $out) = EventStream::Httpd->config_test("$conf\n");
    ok !$ok, "$conf is an error";
    like $out, $wrong{$conf}, 'and httpd says why';
}
is +(EventStream::Httpd->config_test("EventStreamLog off\n"))[0], 1,
    'EventStreamLog off is none';

done_testing;
