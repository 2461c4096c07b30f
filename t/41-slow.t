#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that read slowly or never: they do not delay others, and what they
# read is whole and in order, or ends.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

# Small buffers of the kernel, so that few events fill them.
my $httpd = EventStream::Httpd->start(
    modules => ['status'], files => {'page.txt' => "a page\n"},
    conf => status_conf() . <<'CONF');
SendBufferSize 65536
EventStreamHub default size=32m
EventStreamHub small size=1m
<LocationMatch "^/(events|hasty)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/hasty">
    EventStreamSendTimeout 1
</Location>
<Location "/small">
    SetHandler eventstream
    EventStreamUseHub small
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/publish/small">
    EventStreamUseHub small
</Location>
CONF

# Data of nearly 64 KB that starts with its number and shows if it is torn.
sub big
{
    my ($number) = @_;
    return with_checksum(join ' ', $number, ($number . 'abcdefgh') x 5500);
}

sub number_of
{
    my ($event) = @_;
    return $event->{data} =~ /\A(\d+) / ? $1 : -1;
}

sub is_whole
{
    my ($event) = @_;
    return has_checksum($event) && $event->{data} eq big(number_of($event));
}

sub slow
{
    my ($path) = @_;
    my $client = subscribe($httpd, $path, rcvbuf => 4096);
    is $client->next_event(5)->{event}, 'stream-open',
        "a slow client of $path opens";
    return $client;
}

# ---- A client that never reads -----------------------------------------------

my $never = slow('/hasty');
my @others = map { subscribe($httpd, $_) } qw(/events /hasty) x 5;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @others), 10, 'ten other clients open';

my ($late, $wrong, $refused) = (0, 0, 0);
for my $number (1 .. 30) {
    my $answer = publish($httpd, 'news', big($number));
    $refused++ if $answer->{status} != 200;
    last if $refused || $late;
    for my $client (@others) {
        my $event = $client->next_event(5);
        $late++ if !$event;
        $wrong++ if $event
            && !(number_of($event) == $number && is_whole($event));
    }
}
is $refused, 0, 'publishing works while a client never reads';
is $late, 0, 'the other clients receive all events in time';
is $wrong, 0, 'the other clients receive whole events in order';
is wait_clients($httpd, 'news', 10, 10), 10,
    'EventStreamSendTimeout ends the client that takes nothing';
ok static_file($httpd), 'a file is served';

1 while $never->fill(2);
my @read;
while (my $event = $never->next_event(0)) {
    push @read, $event;
}
is scalar(grep { !is_whole($_) } @read), 0,
    'the events that it was sent are whole';
is_deeply [map { number_of($_) } @read], [1 .. @read],
    'the events that it was sent are in order';
ok $never->is_cut, 'its stream is cut, which differs from an end';
$_->close for @others;

# ---- Many clients that never read ------------------------------------------

# Memory of the children alone, without the journal.
sub own_kb
{
    my $kb = 0;
    for my $pid ($httpd->children) {
        open my $in, '<', "/proc/$pid/smaps_rollup" or return;
        $kb += $_ for map { /^Anonymous: +(\d+) kB/ ? $1 : () } <$in>;
    }
    return $kb;
}

{
    my @silent = map { subscribe($httpd, '/events', rcvbuf => 4096) } 1 .. 30;
    is wait_clients($httpd, 'news', 30, 10), 30,
        '30 clients that read nothing are counted';
    publish($httpd, 'news', big($_)) for 1 .. 30; # their buffers are full now
    my $before = own_kb();
  SKIP: {
        # AddressSanitizer keeps freed memory
        skip 'no memory statistics of the children here', 1
            if !$before || EventStream::Httpd->build('sanitize') ne 'no';
        publish($httpd, 'news', big($_)) for 1 .. 200;
        # 13 MB for each client; what grows are httpd's pools
        cmp_ok own_kb() - $before, '<', 4096,
            '30 clients that read nothing take no memory for unread events';
    }
    $_->close for @silent;
    is wait_clients($httpd, 'news', 0, 10), 0,
        'clients that read nothing and close are not counted any more';
}

# ---- A client that catches up ----------------------------------------------

my $late_reader = slow('/events');
publish($httpd, 'news', big($_)) for 1 .. 40;
my @events = $late_reader->events(40, 30);
is join(' ', map { number_of($_) } @events), join(' ', 1 .. 40),
    'a client that starts to read late receives all events in order';
is scalar(grep { !is_whole($_) } @events), 0,
    'a client that starts to read late receives whole events';
publish($httpd, 'news', big(41));
is number_of($late_reader->next_event(5) || {data => ''}), 41,
    'it receives new events then';
$late_reader->close;

# ---- A client that is overtaken --------------------------------------------

# Twelve of them stop reading at different bytes of a frame.
my @slow = map { slow('/small') } 1 .. 12;
for my $number (1 .. 60) {
    publish($httpd, 'news', big($number), path => '/publish/small');
    if ($number % 4 == 0) {
        $slow[$_]->fill(0, 1 + 4099 * $_) for 0 .. $#slow;
    }
}
my (%end, $torn, $doubled, $gap);
for my $client (@slow) {
    my $last = 0;
    my $reset = 0;
    while (my $event = $client->next_event(10)) {
        if ($event->{event} eq 'stream-reset') {
            $reset = 1;
            $last = undef;
            next;
        }
        $torn++ if !is_whole($event);
        my $number = number_of($event);
        $doubled++ if defined $last && $number <= $last;
        $gap++ if defined $last && $number > $last + 1;
        $last = $number;
        last if $number == 60;
    }
    $end{$client->is_cut ? 'cut' : $reset ? 'reset' : 'whole'}++;
    $torn++ if $client->{bad_framing};
}
is $torn // 0, 0, 'overtaken clients receive no torn event';
is $doubled // 0, 0, 'overtaken clients receive no event twice';
is $gap // 0, 0, 'overtaken clients miss no event without a stream-reset';
is $end{whole} // 0, 0, 'overtaken clients are cut or get a stream-reset';
note join ', ', map { "$_: $end{$_}" } sort keys %end;

# A client that was cut resumes after the last event that it saw.
my ($cut) = grep { $_->is_cut } @slow;
SKIP: {
    skip 'no client was cut', 2 if !$cut;
    my $back = subscribe($httpd, '/small',
        headers => ['Last-Event-ID: ' . $cut->last_id]);
    $back->next_event(5);
    my $reset = $back->next_event(5) || {event => ''};
    is $reset->{event}, 'stream-reset',
        'a client that was cut and resumes gets a stream-reset';
    publish($httpd, 'news', big(61), path => '/publish/small');
    is number_of($back->next_event(5) || {data => ''}), 61,
        'it receives new events then';
}
$_->close for @slow;

# ---- Clients that close ----------------------------------------------------

for my $how (qw(close reset)) {
    my $client = subscribe($httpd, '/events');
    is wait_clients($httpd, 'news', 1, 5), 1,
        "a client is counted before it ends by $how";
    my $before = time;
    $how eq 'close' ? $client->close : close_with_rst($client);
    is wait_clients($httpd, 'news', 0, 5), 0,
        "a client that ends by $how is not counted any more";

    my $blocked = slow('/events');
    publish($httpd, 'news', big($_)) for 1 .. 10;
    is clients($httpd, 'news'), 1,
        "a client with unread events is counted before it ends by $how";
    $how eq 'close' ? $blocked->close : close_with_rst($blocked);
    is wait_clients($httpd, 'news', 0, 5), 0,
        "a client with unread events that ends by $how is not counted any more";
}
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
done_testing;
