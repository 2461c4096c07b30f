# SPDX-License-Identifier: Apache-2.0
package EventStream::Sending;

=head1 NAME

EventStream::Sending - which server of a cluster sends to GRIP proxies, and what
the proxies have got

=head1 SYNOPSIS

    use EventStream::Sending;       # exports all functions below

    my $sender = sender('one of two servers sends', $cluster->nodes);
    my @sent = publish_until_stopped(...)->();
    check_all($proxy, \@sent, 'after a fault');

=head1 FUNCTIONS

=over

=item sends($node)

Does its status page say that it sends?

=item sender($name, @nodes)

A test: one of these servers sends, within 60 s. Returns it.

=item sender_within($name, $seconds, @nodes)

The same, with another time.

=item data_of($proxy)

The data of each event that an EventStream::FakeProxy has taken, in the order of
arrival.

=item check_all($proxy, \@expected, $name)

Two tests: it has got each of these at least once, within 60 s, and each for
the first time in this order. Returns how many came once more.

=item signal_all($signal, $node)

A signal to all processes of a server.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use Test::More ();
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Cluster;

our @EXPORT =
    qw(sends sender sender_within data_of check_all signal_all);

sub sends
{
    return (eval { EventStream::Cluster->status($_[0]) } || {})->{Sends};
}

sub sender_within
{
    my ($name, $seconds, @among) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $began = time;
    my @found;
    wait_for(sub { @found = grep { sends($_) } @among; @found == 1 }, $seconds,
        $name);
    Test::More::note(sprintf 'after %.1f s', time - $began);
    return $found[0];
}

sub sender
{
    my ($name, @among) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return sender_within($name, 60, @among);
}

sub data_of
{
    my ($proxy) = @_;
    return map { $_->{formats}{'http-stream'}{content} =~ /^data: (.*)$/m
        ? $1 : () } $proxy->items;
}

sub check_all
{
    my ($proxy, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $all = {map { $_ => 1 } @$expected};
    my (@got, %seen);
    wait_for(
        sub {
            @got = grep { $all->{$_} } data_of($proxy);
            my %had = map { $_ => 1 } @got;
            return keys %had == @$expected;
        }, 60, "$name: each event was sent");
    Test::More::is(join(' ', grep { !$seen{$_}++ } @got),
        join(' ', @$expected), "$name: in their order");
    Test::More::note(@got - @$expected, ' were sent twice');
    return @got - @$expected;
}

sub signal_all
{
    my ($signal, $node) = @_;
    kill $signal => $node->pid, $node->children;
    return;
}

1;
