# SPDX-License-Identifier: Apache-2.0
package EventStream::BrokerLink;

=head1 NAME

EventStream::BrokerLink - a link of ours (src/cluster/link.h) to a broker

=head1 SYNOPSIS

    my $link = EventStream::BrokerLink->new;
    like $link->order('open', 5000, $redis->url), qr/^ok /, '...';
    is $link->order('call', 5000, 'ECHO', 'a'), 'text a', '...';

=head1 METHODS

=over

=item new(@command)

Starts t/broker/link, by this command if there is one (such as nsenter).

=item or_skip

Skips the test in a build without hiredis; in CI it fails instead.

=item order(@words)

Sends an order, see t/broker/link.c; returns the answer, or undef if there is
none within two minutes.

=item took

How many seconds the last order took.

=back

=cut

use strict;
use warnings;

use IO::Select ();
use IPC::Open2 ();
use Test::More ();
use Time::HiRes qw(time);

use EventStream::Httpd ();

sub or_skip
{
    return if EventStream::Httpd->build('hiredis') eq 'yes';
    die "CI must run the tests with hiredis\n" if ($ENV{CI} || '') eq 'true';
    Test::More::plan(skip_all => 'built without hiredis');
}

sub new
{
    my ($class, @command) = @_;
    my $self = bless {rest => ''}, $class;
    $self->{pid} = IPC::Open2::open2($self->{from}, $self->{to}, @command,
        EventStream::Httpd::builddir() . '/t/broker/link');
    $self->{to}->autoflush(1);
    return $self;
}

sub order
{
    my ($self, @words) = @_;
    my $start = time;
    my $select = IO::Select->new($self->{from});
    print {$self->{to}} "@words\n";
    while ($self->{rest} !~ /\n/) {
        return if !$select->can_read($start + 120 - time)
            || !sysread $self->{from}, $self->{rest}, 4096,
                length $self->{rest};
    }
    $self->{rest} =~ s/\A(.*)\n//;
    $self->{took} = time - $start;
    return $1;
}

sub took { return $_[0]{took} }

# It ends when its input does.
sub DESTROY
{
    my ($self) = @_;
    local ($?, $!);
    close $self->{to};
    waitpid $self->{pid}, 0;
    return;
}

1;
