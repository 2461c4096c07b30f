#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Somebody sets the clock of the machine while httpd runs, an hour ahead and
# back: ids rise, streams go on, nothing is lost or comes twice, and ids from
# before a step and from after it are both resumed from.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;

my $HOUR = 3600;
my $AT_A_TIME = 5;    # events from one step to the next
my @PATHS = ('/events', '/held', '/limited');

my $conf = <<'CONF';
EventStreamKeepAlive 300ms
EventStreamRetry 1
EventStreamDrain 1
<LocationMatch "^/(events|held|limited)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/held">
    SetOutputFilter SUBSTITUTE
</Location>
<Location "/limited">
    EventStreamLifetime 600
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $clock = EventStream::Clock->new;
my $httpd;
my (@ids, @texts);    # of all events of this server

sub start
{
    (@ids, @texts) = ();
    $httpd = EventStream::Httpd->start($clock->options,
        modules => ['substitute', 'filter'], conf => $conf);
    return;
}

# The two numbers of an id, as text of one length each: any size compares.
sub order
{
    my ($id) = @_;
    return sprintf '%020s-%020s', split /-/, $id // '0-0';
}

sub say_some
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($refused, $fallen) = (0, 0);
    for (1 .. $AT_A_TIME) {
        my $text = 'event ' . @texts;
        my $answer = publish($httpd, 'news', $text);
        $refused++ if $answer->{status} != 200;
        my $id = $answer->{json}{id};
        $fallen++ if @ids && order($id) le order($ids[-1]);
        push @ids, $id;
        push @texts, $text;
    }
    is $refused, 0, "$name: publishing works";
    is $fallen, 0, '... ids rise';
    return;
}

# What a client gets next, keep-alives left out; as many as are expected.
sub texts
{
    my ($client, $count) = @_;
    my @got;
    while (@got < $count) {
        my $event = $client->next_event(5) or last;
        next if $event->{event} =~ /^(?:keep-alive|stream-open)$/;
        push @got, $event->{event} eq 'message'
            ? $event->{data} : $event->{event};
    }
    return join ', ', @got;
}

# All clients have the events from this one on, and are alive.
sub have_from
{
    my ($from, $name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $wanted = join ', ', @texts[$from .. $#texts];
    my @wrong = grep { $_ ne $wanted } map { texts($_, @texts - $from) }
        @clients;
    is_deeply \@wrong, [], "$name: all have each event once, in order";
    is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
        eq 'keep-alive' } @clients), @clients, '... and keep-alives go on';
    is scalar(grep { $_->is_open } @clients), @clients, '... no stream ended';
    return;
}

# Whoever comes back with the id of an event gets what was behind it.
sub resumes_from
{
    my ($place, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, '/events',
        headers => ["Last-Event-ID: $ids[$place]"]);
    is texts($client, $#texts - $place),
        join(', ', @texts[$place + 1 .. $#texts]), $name;
    return;
}

sub is_reset
{
    my ($id, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, '/events',
        headers => ["Last-Event-ID: $id"]);
    is texts($client, 1), 'stream-reset', $name;
    return;
}

# ---- Steps while it runs ---------------------------------------------------

start();
my @clients = map { subscribe($httpd, $_) } (@PATHS) x 2;
say_some('before');
have_from(0, 'before', @clients);
my %steps = (ahead => $HOUR, back => -$HOUR);
for my $step (qw(ahead back back ahead)) {
    my $from = @texts;
    $clock->step($steps{$step});
    say_some("an hour $step");
    have_from($from, "an hour $step", @clients);
}
resumes_from($AT_A_TIME * $_ + 1, "resumed from an id of time $_")
    for 0 .. 4;
my $ahead = ($ids[-1] =~ s/-.*//r) + 10 * 60 * 1000;
is_reset("$ahead-0", 'an id from the future is told of');

# ---- Children come and go meanwhile ----------------------------------------

my $from = @texts;
$clock->step(-$HOUR);
my ($victim) = $httpd->children;
$httpd->kill_child($victim);
my @left = grep { $_->fill(0.1), $_->is_open } @clients;
say_some('an hour back, and a child was killed');
have_from($from, 'those of the other child', @left);
resumes_from(1, '... resumed from an id of the beginning');
$from = @texts;
$clock->step($HOUR);
my @plain = map { subscribe($httpd, '/events') } 1 .. 4;
ok $httpd->graceful, 'an hour ahead, and graceful';
$clock->step(-$HOUR);
say_some('an hour back, with the new children');
have_from($from, 'over a graceful', @plain);
resumes_from($from - 1, '... resumed from an id of before');
ok $httpd->restart, 'restart';
say_some('after a restart');
resumes_from($from - 1, '... resumed from an id of before');
my @old = @ids[1, -1];
$_->close for @clients, @plain;

# ---- Stopped, the clock was set, and started -------------------------------

$httpd->stop;
$clock->step(-$HOUR);
start();
say_some('started an hour before it stopped');
is_reset($old[0], '... an id of the life before is told of');
is_reset($old[1], '... and one from the future');
resumes_from(0, '... resumed from an id of now');
$clock->step($HOUR + 60);
say_some('the clock has passed the old ids');
is_reset($old[0], '... they are told of all the same');
is_reset($old[1], '... also the last');
resumes_from(0, '... resumed from an id of before');
$httpd->stop;

# ---- Dates -----------------------------------------------------------------

# As the clock goes over a power of two: 2^32 milliseconds is in February 1970.
my %dates = ('2^32 milliseconds' => 2**32 / 1000, '2^31 seconds' => 2**31,
    '2^32 seconds' => 2**32);
for my $date (sort keys %dates) {
    $clock->set($dates{$date} - 60);
    start();
    my $client = subscribe($httpd, '/events');
    say_some("before $date");
    $clock->set($dates{$date} - 0.005);
    say_some("at $date");
    wait_for(sub { $clock->now > $dates{$date} }, 5);
    say_some("after $date");
    cmp_ok $ids[0] =~ s/-.*//r, '<', $dates{$date} * 1000, '... ids before';
    cmp_ok $ids[-1] =~ s/-.*//r, '>=', $dates{$date} * 1000, '... ids after';
    have_from(0, 'over it', $client);
    resumes_from(1, '... resumed over it');
    $client->close;
    $httpd->stop;
}
done_testing;
