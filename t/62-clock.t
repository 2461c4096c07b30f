#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The clock of the machine is set while httpd runs, an hour ahead and back: ids
# rise, streams go on, nothing is lost or delivered twice, and ids from before a
# step and from after it resume.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Load;

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

# The two numbers of an id as texts of one length, so that ids of any size
# compare.
sub order
{
    my ($id) = @_;
    return sprintf '%020s-%020s', split /-/, $id // '0-0';
}

sub publish_some
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($refused, $not_rising) = (0, 0);
    for (1 .. $AT_A_TIME) {
        my $text = 'event ' . @texts;
        my $answer = publish($httpd, 'news', $text);
        $refused++ if $answer->{status} != 200;
        my $id = $answer->{json}{id};
        $not_rising++ if @ids && order($id) le order($ids[-1]);
        push @ids, $id;
        push @texts, $text;
    }
    is $refused, 0, "$name: publishing works";
    is $not_rising, 0, "$name: ids rise";
    return;
}

# The next $count events of a client without keep-alives, as one text.
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

# All clients have the events from this one on, and their streams go on.
sub have_from
{
    my ($from, $name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $wanted = join ', ', @texts[$from .. $#texts];
    my @wrong = grep { $_ ne $wanted } map { texts($_, @texts - $from) }
        @clients;
    is_deeply \@wrong, [], "$name: all clients have each event once, in order";
    is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
        eq 'keep-alive' } @clients), @clients, "$name: keep-alives go on";
    is scalar(grep { $_->is_open } @clients), @clients,
        "$name: no stream ended";
    return;
}

# A client that resumes with the id of an event gets those after it.
sub resumes_from
{
    my ($index, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, '/events',
        headers => ["Last-Event-ID: $ids[$index]"]);
    is texts($client, $#texts - $index),
        join(', ', @texts[$index + 1 .. $#texts]), $name;
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
publish_some('before');
have_from(0, 'before', @clients);
my %steps = (ahead => $HOUR, back => -$HOUR);
for my $step (qw(ahead back back ahead)) {
    my $from = @texts;
    $clock->step($steps{$step});
    publish_some("an hour $step");
    have_from($from, "an hour $step", @clients);
}
resumes_from($AT_A_TIME * $_ + 1, "an id of step $_ resumes")
    for 0 .. 4;
my $ahead = ($ids[-1] =~ s/-.*//r) + 10 * 60 * 1000;
is_reset("$ahead-0", 'an id from the future gets a reset');

# ---- Children end and start meanwhile --------------------------------------

my $from = @texts;
$clock->step(-$HOUR);
my %of = map { $_ => [of_child($_, @clients)] } $httpd->children;
my ($victim, $other) = sort { @{$of{$a}} <=> @{$of{$b}} } keys %of;
is @{$of{$victim}} + @{$of{$other}}, @clients, 'each client has a child';
$httpd->kill_child($victim);
publish_some('an hour back after a child was killed');
have_from($from, 'clients of the other child', @{$of{$other}});
is scalar(grep { !$_->is_ended(5) && $_->is_cut } @{$of{$victim}}),
    @{$of{$victim}}, 'the streams of the killed child are cut';
resumes_from(1, 'an id of the beginning resumes after a kill');
$from = @texts;
$clock->step($HOUR);
my @plain = map { subscribe($httpd, '/events') } 1 .. 4;
ok $httpd->graceful, 'graceful succeeds after an hour ahead';
$clock->step(-$HOUR);
publish_some('an hour back, with new children');
have_from($from, 'over graceful', @plain);
resumes_from($from - 1, 'an id from before graceful resumes');
# httpd waits by the time of day for clients that stay connected after the end
# of their streams: the old child would wait for an hour
$_->close for @clients;
ok $httpd->restart, 'restart succeeds';
publish_some('after restart');
resumes_from($from - 1, 'an id from before graceful resumes after restart');
my @old = @ids[1, -1];
$_->close for @plain;

# ---- Stopped and started with another time ---------------------------------

$httpd->stop;
$clock->step(-$HOUR);
start();
publish_some('started an hour before it stopped');
is_reset($old[0], 'an id of the journal before gets a reset');
is_reset($old[1], 'an id of the journal before, from the future, gets a reset');
resumes_from(0, 'an id of the new journal resumes');
$clock->step($HOUR + 60);
publish_some('when the clock has passed the old ids');
is_reset($old[0], 'an old id gets a reset also then');
is_reset($old[1], 'the last old id gets a reset also then');
resumes_from(0, 'an id of the new journal resumes also then');
$httpd->stop;

# ---- Dates -----------------------------------------------------------------

# When the clock passes a power of two: 2^32 milliseconds is in February 1970.
my %dates = ('2^32 milliseconds' => 2**32 / 1000, '2^31 seconds' => 2**31,
    '2^32 seconds' => 2**32);
for my $date (sort keys %dates) {
    $clock->set($dates{$date} - 60);
    start();
    my $client = subscribe($httpd, '/events');
    publish_some("before $date");
    $clock->set($dates{$date} - 0.005);
    publish_some("at $date");
    wait_for(sub { $clock->now > $dates{$date} }, 5);
    publish_some("after $date");
    cmp_ok $ids[0] =~ s/-.*//r, '<', $dates{$date} * 1000,
        "$date: the first id is before it";
    cmp_ok $ids[-1] =~ s/-.*//r, '>=', $dates{$date} * 1000,
        "$date: the last id is after it";
    have_from(0, "over $date", $client);
    resumes_from(1, "$date: an id from before it resumes");
    $client->close;
    $httpd->stop;
}
done_testing;
