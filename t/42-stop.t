#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# All ways to stop: a stream goes on in another child, or it ends with a retry
# and its last chunk, never by a reset; the server goes on or ends in time.
# (t/50-handover.t looks closer at streams that go on.)

use strict;
use warnings;
use FindBin;
use IO::Select;
use POSIX ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

# A client is held if there is a filter. TLS would do the same, but without it
# the test sees how the connection ends.
my $conf = <<'CONF';
EventStreamMaxHeld 4
<LocationMatch "^/(events|held)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/held">
    SetOutputFilter SUBSTITUTE
    Substitute "s/never there/x/n"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub start
{
    my ($mpm, %opt) = @_;
    return EventStream::Httpd->start(
        mpm => $mpm, modules => ['substitute'], conf => $conf,
        %opt);
}

sub open_streams
{
    my ($httpd, $held) = @_;
    my @plain = map { subscribe($httpd, '/events') } 1 .. 8;
    my @held = map { subscribe($httpd, '/held') } 1 .. $held;
    my $open = grep { ($_->next_event(5) || {event => ''})->{event}
        eq 'stream-open' } @plain, @held;
    is $open, 8 + $held, 'the streams open';
    # an event after stream-open: the worker has handed over the sockets
    publish($httpd, 'news', 'ready');
    for my $client (@plain, @held) {
        my $event;
        do {
            $event = $client->next_event(5);
        } while ($event && $event->{data} ne 'ready');
    }
    return (\@plain, \@held);
}

# The last chunk is followed by the end of the connection, not by a reset.
sub ends_well
{
    my ($client) = @_;
    return 0 if !$client->is_ended(10);
    return 0 if !IO::Select->new($client->socket)->can_read(5);
    my $got = sysread $client->socket, my $bytes, 4096;
    $client->close;    # as a browser does
    return defined $got && $got == 0
        && $client->bytes =~ /\n\nretry: \d+\n\z/;
}

sub reads_to
{
    my ($client, $data) = @_;
    while (my $event = $client->next_event(5)) {
        return 1 if $event->{data} eq $data;
    }
    return 0;
}

sub all_end
{
    my ($clients, $name) = @_;
    is scalar(grep { ends_well($_) } @$clients), scalar @$clients, $name;
    return;
}

# A request that is being served when httpd stops at once is cut: httpd closes
# the sockets of its workers before any module can act.
sub all_are_gone
{
    my ($clients, $name) = @_;
    is scalar(grep { $_->is_ended(10); !$_->is_open } @$clients),
        scalar @$clients, $name;
    return;
}

# Publishes without a pause until finish_publisher closes its pipe. That one
# returns how many answers were 200, and how many were something else or
# missing. The process has to be started first, or it would inherit the clients'
# sockets.
sub publisher
{
    my ($httpd) = @_;
    pipe my $in, my $out or die "pipe: $!";
    pipe my $stop, my $stop_writer or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $_ for $in, $stop_writer;
        my ($good, $bad) = (0, 0);
        my $until = time + 20;
        until ($good && IO::Select->new($stop)->can_read(0.005)
            || time > $until) {
            my $answer = eval { publish($httpd, 'news', 'x') } or last;
            $answer->{status} == 200 && $answer->{json} ? $good++ : $bad++;
        }
        syswrite $out, "$good $bad\n";
        POSIX::_exit(0);
    }
    close $_ for $out, $stop;
    return {pid => $pid, in => $in, stop_writer => $stop_writer};
}

sub finish_publisher
{
    my ($publisher) = @_;
    close $publisher->{stop_writer};
    my $line = readline $publisher->{in};
    waitpid $publisher->{pid}, 0;
    return split ' ', $line // '0 0';
}

sub serves
{
    my ($httpd, $name) = @_;
    my $client = subscribe($httpd, '/events');
    $client->next_event(5);
    is publish($httpd, 'news', $name)->{json}{clients}, 1,
        "$name: the answer counts the client";
    is(($client->next_event(5) || {data => ''})->{data}, $name,
        "$name: the client receives the event");
    return;
}

# ---- The server goes on ----------------------------------------------------

sub goes_on
{
    my ($mpm, $how, $held) = @_;
    my $httpd = start($mpm);
    # At restart httpd's event MPM closes the sockets of its workers while they
    # may be closing them themselves, and sometimes crashes (without us, too).
    # So no request is under way then.
    my $publisher = $how eq 'graceful' ? publisher($httpd) : undef;
    my ($plain, $some_held) = open_streams($httpd, $held);
    my $before = time;
    sleep 0.3 if !$publisher;
    $httpd->$how(wait => 0);
    $how eq 'graceful' ? all_end($some_held, "$mpm, $how: held streams end")
        : all_are_gone($some_held, "$mpm, $how: held streams end");
    wait_for(sub { $httpd->error_log =~ /resuming.*resuming/s }, 10,
        "$mpm, $how: the server goes on");
    if ($publisher) {
        my ($good, $bad) = finish_publisher($publisher);
        is $bad, 0, "$mpm, $how: no publisher is left without its answer";
        cmp_ok $good, '>', 0, "$mpm, $how: publishers got 200";
    }
    publish($httpd, 'news', 'the last');
    is scalar(grep { reads_to($_, 'the last') } @$plain), scalar @$plain,
        "$mpm, $how: plain streams go on, on their connections";
    $_->close for @$plain, @$some_held;
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$mpm, $how: closed clients are not counted any more";
    cmp_ok time - $before, '<', 20,
        "$mpm, $how: all of it takes less than 20 seconds";
    serves($httpd, "$mpm after $how");
    return;
}

goes_on('event', 'graceful', 2);
goes_on('event', 'restart', 2);
goes_on('worker', 'graceful', 2);
goes_on('worker', 'restart', 2);
goes_on('prefork', 'graceful', 0);
goes_on('prefork', 'restart', 0);

# ---- One child ends --------------------------------------------------------

{
    my $httpd = start('event', mpm_conf => <<'CONF');
StartServers 2
ServerLimit 4
ThreadsPerChild 5
MaxRequestWorkers 20
MinSpareThreads 5
MaxSpareThreads 20
MaxConnectionsPerChild 30
CONF
    my @first = $httpd->children;
    my ($plain, $held) = open_streams($httpd, 1);
    my $answers = 0;
    for my $number (1 .. 60) {
        $answers++ if publish($httpd, 'news', $number)->{status} == 200;
    }
    is $answers, 60, 'MaxConnectionsPerChild: all publishers get their answers';
    wait_for(sub { my %now = map { $_ => 1 } $httpd->children;
        !grep { $now{$_} } @first }, 20,
            'MaxConnectionsPerChild: children are replaced');
    my (@all, $wrong);
    for my $client (@$plain, @$held) {
        my @numbers;
        while (my $event = $client->next_event(5)) {
            push @numbers, $event->{data};
            last if $event->{data} eq '60';
        }
        $wrong++ if join(' ', @numbers) ne join ' ', 1 .. @numbers;
    }
    is $wrong, undef,
        'MaxConnectionsPerChild: streams have no gap before they end';
    all_end($held, 'MaxConnectionsPerChild: held streams end with a retry');
    $_->close for @$plain;
    is wait_clients($httpd, 'news', 0, 5), 0,
        'MaxConnectionsPerChild: closed clients are not counted any more';
    serves($httpd, 'after MaxConnectionsPerChild');
}

# ---- The server ends -------------------------------------------------------

for my $how (qw(stop graceful_stop)) {
    for my $mpm (qw(event worker prefork)) {
        my $httpd = start($mpm);
        my $publisher = publisher($httpd);
        my ($plain, $held) = open_streams($httpd, $mpm eq 'prefork' ? 0 : 2);
        my $before = time;
        kill $how eq 'stop' ? 'TERM' : 'WINCH', $httpd->pid;
        all_end($plain, "$mpm, $how: plain streams end with a retry");
        $how eq 'graceful_stop'
            ? all_end($held, "$mpm, $how: held streams end with a retry")
            : all_are_gone($held, "$mpm, $how: held streams end");
        is $httpd->$how, 0, "$mpm, $how: httpd exits with status 0";
        cmp_ok time - $before, '<', 9, "$mpm, $how: it exits in time";
        finish_publisher($publisher);
    }
    # clients that do not read and do not close cannot keep httpd from exiting
    my $httpd = start('event');
    my ($plain) = open_streams($httpd, 0);
    my $before = time;
    is $httpd->$how, 0, "$how: httpd exits while clients stay open";
    cmp_ok time - $before, '<', 9, "$how: it exits in time";
    all_end($plain, "$how: these clients read the end later");
}
done_testing;
