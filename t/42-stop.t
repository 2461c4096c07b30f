#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Stopping, in all its ways: a stream goes on in another child, or ends with
# retry and its last chunk, never by a reset; the server goes on, or ends in
# time. (t/50-handover.t looks closer at streams that go on.)

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

# A client is held where a filter stands in its way. With TLS it would be the
# same, but without it the test sees how the connection ends.
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

sub crowd
{
    my ($httpd, $held) = @_;
    my @plain = map { subscribe($httpd, '/events') } 1 .. 8;
    my @held = map { subscribe($httpd, '/held') } 1 .. $held;
    my $open = grep { ($_->next_event(5) || {event => ''})->{event}
        eq 'stream-open' } @plain, @held;
    is $open, 8 + $held, 'streams are open';
    # an event after stream-open: the worker has handed them over
    publish($httpd, 'news', 'ready');
    for my $client (@plain, @held) {
        my $event;
        do {
            $event = $client->next_event(5);
        } while ($event && $event->{data} ne 'ready');
    }
    return (\@plain, \@held);
}

# Behind the last chunk comes the end of the connection, no reset.
sub ends_well
{
    my ($client) = @_;
    return 0 if !$client->is_ended(10);
    return 0 if !IO::Select->new($client->socket)->can_read(5);
    my $got = sysread $client->socket, my $bytes, 4096;
    $client->close;    # as a browser does
    return defined $got && $got == 0
        && $client->bytes =~ /\n\nretry: \d+\n\n\z/;
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

# A request that is being served when httpd stops at once is cut: httpd
# closes the sockets of its workers before it tells anybody.
sub all_are_gone
{
    my ($clients, $name) = @_;
    is scalar(grep { $_->is_ended(10); !$_->is_open } @$clients),
        scalar @$clients, $name;
    return;
}

# Publishes without a pause, until finish_publisher has closed its pipe; that
# tells how many answers were 200, and how many something else or none at all.
# A process: it is to be started first, or it would inherit clients' sockets.
sub publisher
{
    my ($httpd) = @_;
    pipe my $in, my $out or die "pipe: $!";
    pipe my $told, my $tell or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $_ for $in, $tell;
        my ($good, $bad) = (0, 0);
        my $until = time + 20;
        until ($good && IO::Select->new($told)->can_read(0.005)
            || time > $until) {
            my $answer = eval { publish($httpd, 'news', 'x') } or last;
            $answer->{status} == 200 && $answer->{json} ? $good++ : $bad++;
        }
        syswrite $out, "$good $bad\n";
        POSIX::_exit(0);
    }
    close $_ for $out, $told;
    return {pid => $pid, in => $in, tell => $tell};
}

sub finish_publisher
{
    my ($publisher) = @_;
    close $publisher->{tell};
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
        "$name: it counts those that are there";
    is(($client->next_event(5) || {data => ''})->{data}, $name,
        '... and serves them');
    return;
}

# ---- The server goes on ----------------------------------------------------

sub goes_on
{
    my ($mpm, $how, $held) = @_;
    my $httpd = start($mpm);
    # At restart httpd's event MPM closes the sockets of its workers while they
    # may be closing them themselves, and sometimes crashes (without us, too):
    # so then no request is under way.
    my $publisher = $how eq 'graceful' ? publisher($httpd) : undef;
    my ($plain, $some_held) = crowd($httpd, $held);
    my $before = time;
    sleep 0.3 if !$publisher;
    $httpd->$how(wait => 0);
    $how eq 'graceful' ? all_end($some_held, "$mpm, $how: held streams end")
        : all_are_gone($some_held, "$mpm, $how: held streams end");
    wait_for(sub { $httpd->error_log =~ /resuming.*resuming/s }, 10,
        '... the server goes on');
    if ($publisher) {
        my ($good, $bad) = finish_publisher($publisher);
        is $bad, 0, '... publishers get their answer';
        cmp_ok $good, '>', 0, '... 200 that is';
    }
    publish($httpd, 'news', 'the last');
    is scalar(grep { reads_to($_, 'the last') } @$plain), scalar @$plain,
        '... plain streams go on, on their connection';
    $_->close for @$plain, @$some_held;
    is wait_clients($httpd, 'news', 0, 5), 0, '... until they are closed';
    cmp_ok time - $before, '<', 20, '... in time';
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
    my ($plain, $held) = crowd($httpd, 1);
    my $answers = 0;
    for my $number (1 .. 60) {
        $answers++ if publish($httpd, 'news', $number)->{status} == 200;
    }
    is $answers, 60, 'MaxConnectionsPerChild: all publishers are answered';
    wait_for(sub { my %now = map { $_ => 1 } $httpd->children;
        !grep { $now{$_} } @first }, 20, '... children are replaced');
    my (@all, $wrong);
    for my $client (@$plain, @$held) {
        my @numbers;
        while (my $event = $client->next_event(5)) {
            push @numbers, $event->{data};
            last if $event->{data} eq '60';
        }
        $wrong++ if join(' ', @numbers) ne join ' ', 1 .. @numbers;
    }
    is $wrong, undef, '... streams have no gap until they end';
    all_end($held, '... held ones with retry');
    $_->close for @$plain;
    is wait_clients($httpd, 'news', 0, 5), 0, '... plain ones go on';
    serves($httpd, 'the children that are new');
}

# ---- The server ends -------------------------------------------------------

for my $how (qw(stop graceful_stop)) {
    for my $mpm (qw(event worker prefork)) {
        my $httpd = start($mpm);
        my $publisher = publisher($httpd);
        my ($plain, $held) = crowd($httpd, $mpm eq 'prefork' ? 0 : 2);
        my $before = time;
        kill $how eq 'stop' ? 'TERM' : 'WINCH', $httpd->pid;
        all_end($plain, "$mpm, $how: plain streams end with retry");
        $how eq 'graceful_stop' ? all_end($held, '... held ones, too')
            : all_are_gone($held, '... held ones end');
        is $httpd->$how, 0, '... then httpd';
        cmp_ok time - $before, '<', 9, '... in time';
        finish_publisher($publisher);
    }
    # who does not read and does not go cannot keep it
    my $httpd = start('event');
    my ($plain) = crowd($httpd, 0);
    my $before = time;
    is $httpd->$how, 0, "$how with clients that stay";
    cmp_ok time - $before, '<', 9, '... in time';
    all_end($plain, '... they find the end later');
}
done_testing;
